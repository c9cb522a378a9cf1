"""Build environments and show every step."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from ftctl.application.app import App
from ftctl.application.plan import make_plan
from ftctl.application.preview import Preview
from ftctl.application.resolve import resolve
from ftctl.domain.interpreter import Interpreter
from ftctl.plugin.registry import Registry
from ftctl.ports.environments import Environments
from ftctl_adapters.environments.build import Builder
from ftctl_adapters.environments.environment_folder import Record, folder_of
from ftctl_adapters.environments.recipe import read_recipe, recipes
from ftctl_adapters.process.signals import interruptible


class Assumed(Environments):
    """Environments that count as built while a run is planned; remembers which were asked for."""

    def __init__(self, real: Environments) -> None:
        self._real = real
        self.wanted: set[str] = set()

    def find(self, name: str) -> Interpreter | None:
        found = self._real.find(name)
        if found is None:
            self.wanted.add(name)
        return found or Interpreter("python")

    def enter(self, name: str) -> Interpreter:
        return self._real.enter(name)

    def is_interpreter(self, path: str) -> bool:
        return self._real.is_interpreter(path)

    def missing(self, name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
        return () if name in self.wanted else self._real.missing(name, modules)

    def unbuildable(self, name: str, recipe: str) -> str:
        return self._real.unbuildable(name, recipe)

    def free_bytes(self) -> int:
        return self._real.free_bytes()


def create_for(document: Mapping[str, Any], app: App, until: str, preview: Preview | None) -> None:
    """Build missing environments of a run, after everything else was checked."""
    assumed = Assumed(app.environments)
    make_plan(evolve(app, environments=assumed), resolve(document, app.registry, assumed), until, preview)
    for name in sorted(assumed.wanted):
        create(name, app.registry)


def create(
    name: str, registry: Registry, *, variant: str | None = None, recreate: bool = False, uv: bool = False
) -> Record:
    """Build an environment, or find it built; steps go to standard error."""
    recipe = read_recipe(name, recipes(registry.offers()), variant)
    place = folder_of(name)
    started = time.monotonic()
    print(f"environment {name} ({recipe.variant}): {recipe.summary}", file=sys.stderr, flush=True)

    def tell(step: str) -> None:
        print(f"… {time.monotonic() - started:5.0f} s  {step}", file=sys.stderr, flush=True)

    with interruptible():
        record = Builder(tell, uv).build(recipe, place, recreate=recreate)
    print(f"✓ {time.monotonic() - started:5.0f} s  {place.path}", file=sys.stderr, flush=True)
    return record
