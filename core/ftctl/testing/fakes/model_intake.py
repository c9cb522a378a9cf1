"""A model of one text file."""

from pathlib import Path

from attrs import define

from ftctl.domain.artifact import Draft
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.errors import UsageError
from ftctl.ports.model_intake import OWN_TEMPLATE, ChatTemplate, ModelFacts, ModelIntake


@define
class FakeModelIntake(ModelIntake):
    """Knows the model ``fake``: ``content`` of its file, and whether its template asks for the clock (``dated``)."""

    content: str = "base"
    left_out: tuple[str, ...] = ()
    dated: bool = False

    def look(self, reference: str, revision: str | None, chat: ChatTemplate = OWN_TEMPLATE) -> ModelFacts:
        if reference != "fake":
            raise UsageError(f"no model {reference!r}")
        shape = ModelShape("Fake", 100, 200, 8, 2, 64, 128, "float32", {"a": (8, 8)})
        date = chat.date if self.dated else ""
        known = "/".join((self.content, *filter(None, (chat.source, date))))
        return ModelFacts(reference, known, shape, self.left_out, template_date=date)

    def admit(self, reference: str, revision: str | None, out: Path, chat: ChatTemplate = OWN_TEMPLATE) -> Draft:
        out.mkdir(parents=True, exist_ok=True)
        (out / "base.txt").write_text(self.look(reference, revision, chat).fingerprint)
        return Draft("model", HF)
