"""Environments that exist because a test says so."""

from attrs import define, field

from ftctl.ports.environments import Environments


@define
class FakeEnvironments(Environments):
    pythons: dict[str, str] = field(factory=lambda: {"default": "python"})
    absent: set[str] = field(factory=set)
    free: int = 10**12
    interpreters: set[str] = field(factory=set)
    settings: dict[str, dict[str, str]] = field(factory=dict)

    def python(self, name: str) -> str | None:
        return self.pythons.get(name)

    def variables(self, name: str) -> dict[str, str]:
        return dict(self.settings.get(name, {}))

    def is_interpreter(self, path: str) -> bool:
        return path in self.interpreters

    def missing(self, name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(module for module in modules if module in self.absent)

    def free_bytes(self) -> int:
        return self.free
