"""Which interpreter a backend lives in, and what is installed there."""

from abc import ABC, abstractmethod


class Environments(ABC):
    """``default`` is the environment that ftctl itself runs in; others are built from recipes."""

    @abstractmethod
    def python(self, name: str) -> str | None:
        """The interpreter of the named environment, or ``None`` while it does not exist."""

    @abstractmethod
    def variables(self, name: str) -> dict[str, str]:
        """What its recipe sets for every process that runs in it."""

    @abstractmethod
    def is_interpreter(self, path: str) -> bool:
        """Whether the path is a file that can be executed."""

    @abstractmethod
    def missing(self, name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the modules that cannot be imported in the environment; imports none of them."""

    @abstractmethod
    def free_bytes(self) -> int:
        """Free disk space where the workspace lies."""
