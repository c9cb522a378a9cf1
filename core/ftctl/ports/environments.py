"""Environments: interpreters of backends, and the modules installed there."""

from abc import ABC, abstractmethod

from ftctl.domain.interpreter import Interpreter


class Environments(ABC):
    """``default`` is the environment that ftctl itself runs in; others are built from recipes."""

    @abstractmethod
    def find(self, name: str) -> Interpreter | None:
        """The interpreter of the named environment, or ``None`` while it does not exist."""

    @abstractmethod
    def enter(self, name: str) -> Interpreter:
        """The interpreter to run something in now; the ftctl inside is this one.

        Raises:
            UsageError: there is no such environment.
        """

    @abstractmethod
    def is_interpreter(self, path: str) -> bool:
        """Return True if the path is an executable file."""

    @abstractmethod
    def missing(self, name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
        """Return the modules that cannot be imported in the environment, without importing any."""

    @abstractmethod
    def free_bytes(self) -> int:
        """Free disk space where the workspace lies."""
