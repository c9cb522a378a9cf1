"""Port: locate a base model, inspect it without running it, and lay it out as a view of safe files."""

from abc import ABC, abstractmethod
from pathlib import Path

from attrs import frozen

from ftctl.domain.artifact import Draft
from ftctl.domain.resources import ModelShape


@frozen
class ChatTemplate:
    """Chat template of a run: ``source`` is a file or a name, empty for the model's own.

    ``date`` (ISO 8601) is the day that a template which asks for the clock is told, empty for the real one.
    """

    source: str = ""
    date: str = ""


OWN_TEMPLATE = ChatTemplate()


@frozen
class ModelFacts:
    """Facts about an inspected model; ``left_out`` are files that no library will see.

    ``commit`` is that of a model on the hub; ``fetch_bytes`` are those that its weights need to be fetched with.
    ``template_date`` is the day that its chat template is told, where it asks for the clock.
    """

    reference: str
    fingerprint: str
    shape: ModelShape
    left_out: tuple[str, ...] = ()
    commit: str = ""
    fetch_bytes: int = 0
    template_date: str = ""


class ModelIntake(ABC):
    """Intake of the model that a run file names."""

    @abstractmethod
    def look(self, reference: str, revision: str | None, chat: ChatTemplate = OWN_TEMPLATE) -> ModelFacts:
        """Return facts about a model from its headers and JSON alone.

        Raises:
            UsageError: there is no such model or template.
            ModelUnsafe: it can only be loaded by running code, or its files are malformed.
        """

    @abstractmethod
    def admit(self, reference: str, revision: str | None, out: Path, chat: ChatTemplate = OWN_TEMPLATE) -> Draft:
        """Write the view to ``out``: allow-listed files, checked by content, with the run's chat template.

        Raises:
            ModelUnsafe: as `look`.
        """
