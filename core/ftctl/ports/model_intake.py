"""Intake of a base model: locate it, inspect it without running it, lay it out as a view of safe files."""

from abc import ABC, abstractmethod
from pathlib import Path

from attrs import frozen

from ftctl.domain.artifact import Draft
from ftctl.domain.resources import ModelShape


@frozen
class ModelFacts:
    """A model that was looked at; ``left_out`` are files that no library will see."""

    reference: str
    fingerprint: str
    shape: ModelShape
    left_out: tuple[str, ...] = ()


class ModelIntake(ABC):
    """Resolves ``model:`` of a run file."""

    @abstractmethod
    def look(self, reference: str, revision: str | None) -> ModelFacts:
        """Return facts about a model from its headers and JSON alone.

        Raises:
            UsageError: there is no such model.
            ModelUnsafe: it can only be loaded by running code, or its files are malformed.
        """

    @abstractmethod
    def admit(self, reference: str, revision: str | None, out: Path) -> Draft:
        """Lays the view out in ``out``: allow-listed files alone, checked by content.

        Raises:
            ModelUnsafe: as `look`.
        """
