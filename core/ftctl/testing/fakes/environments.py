"""Environments that exist because a test says so."""

import sys

from attrs import define, field

from ftctl.domain.interpreter import Interpreter
from ftctl.errors import UsageError
from ftctl.ports.environments import Environments


@define
class FakeEnvironments(Environments):
    """Environments by name, with the modules that each lacks."""

    pythons: dict[str, Interpreter] = field(factory=lambda: {"default": Interpreter(sys.executable)})
    absent: set[str] = field(factory=set)
    free: int = 10**12
    interpreters: set[str] = field(factory=set)

    def find(self, name: str) -> Interpreter | None:
        return self.pythons.get(name)

    def enter(self, name: str) -> Interpreter:
        if name not in self.pythons:
            raise UsageError(f"environment {name!r} does not exist", next_step=f"run: ftctl env create {name}")
        return self.pythons[name]

    def is_interpreter(self, path: str) -> bool:
        return path in self.interpreters

    def missing(self, name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(module for module in modules if module in self.absent)

    def free_bytes(self) -> int:
        return self.free
