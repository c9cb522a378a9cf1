"""Environments: interpreters of backends, and the modules installed there."""

from abc import ABC, abstractmethod

from ftctl.domain.interpreter import Interpreter


class Environments(ABC):
    """Environments of backends; ``default`` is ftctl's own, others are built from recipes."""

    @abstractmethod
    def find(self, name: str) -> Interpreter | None:
        """Return the interpreter of the environment, or ``None`` if it does not exist."""

    @abstractmethod
    def enter(self, name: str) -> Interpreter:
        """Return the interpreter to run jobs with, after renewing the ftctl inside.

        Raises:
            UsageError: there is no such environment.
        """

    @abstractmethod
    def is_interpreter(self, path: str) -> bool:
        """Return True if the path is an executable file."""

    @abstractmethod
    def missing(self, name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
        """Return the modules that cannot be imported in the environment, without importing any."""

    def unbuildable(self, name: str, recipe: str) -> str:
        """Return why this machine cannot build the environment; empty if it can, or has it.

        Args:
            name: of the environment.
            recipe: ``package:file`` of its recipe.
        """
        return ""

    @abstractmethod
    def free_bytes(self) -> int:
        """Return the free disk space of the workspace in bytes."""
