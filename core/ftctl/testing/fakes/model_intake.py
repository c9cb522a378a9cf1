"""A model of one text file."""

from pathlib import Path

from attrs import define

from ftctl.domain.artifact import Draft
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.errors import UsageError
from ftctl.ports.model_intake import ModelFacts, ModelIntake


@define
class FakeModelIntake(ModelIntake):
    """Knows the model ``fake``; ``content`` is what its file says."""

    content: str = "base"
    left_out: tuple[str, ...] = ()

    def look(self, reference: str, revision: str | None) -> ModelFacts:
        if reference != "fake":
            raise UsageError(f"no model {reference!r}")
        shape = ModelShape("Fake", 100, 200, 8, 2, 64, 128, "float32", {"a": (8, 8)})
        return ModelFacts(reference, self.content, shape, self.left_out)

    def admit(self, reference: str, revision: str | None, out: Path) -> Draft:
        out.mkdir(parents=True, exist_ok=True)
        (out / "base.txt").write_text(self.content)
        return Draft("model", HF)
