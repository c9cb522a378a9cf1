"""Recipe of an environment: a TOML file beside the plugin whose backend needs it."""

import platform
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from attrs import field, frozen

from ftctl.domain.codec import digest
from ftctl.domain.names import is_name, nearest
from ftctl.errors import PluginBroken, UsageError
from ftctl.plugin.offer import Offer

VARIANTS = ("cpu", "cuda")


@frozen
class Recipe:
    """``packages`` are pip requirements, ``remove`` distributions that break others and are taken out afterwards.

    ``variables`` are set for every process that runs in the environment. ``check`` is Python code that must run there.
    """

    name: str
    summary: str
    variant: str
    packages: tuple[str, ...]
    check: str
    constraints: tuple[str, ...] = ()
    """Exact versions of what the packages need, where an installer would look for them for minutes."""
    remove: tuple[str, ...] = ()
    variables: dict[str, str] = field(factory=dict)
    megabytes: int = 0
    """Disk space that it takes, as far as it was measured."""

    @property
    def digest(self) -> str:
        """Return the digest of what would be installed here."""
        return digest(
            [
                self.packages,
                *([self.constraints] * bool(self.constraints)),
                self.remove,
                platform.python_version(),
                platform.machine(),
                self.variant,
            ]
        )


def recipes(offers: Iterable[Offer]) -> dict[str, str]:
    """Return the recipes that offers name: environment → ``package:file``."""
    return {offer.environment: offer.recipe for offer in offers if offer.recipe and is_name(offer.environment)}


def read_recipe(name: str, known: dict[str, str], variant: str | None = None) -> Recipe:
    """Return the recipe of an environment for this machine, or for the named variant.

    Raises:
        UsageError: no backend asks for such an environment, or it has no such variant.
        PluginBroken: its file cannot be read.
    """
    if name not in known:
        meant = nearest(name, known)
        hint = f"; did you mean {meant!r}?" if meant else ""
        raise UsageError(f"no backend needs an environment {name!r}{hint}", next_step=f"known: {', '.join(known)}")
    package, _, file = known[name].partition(":")
    try:
        content = tomllib.loads(files(package).joinpath(file).read_text(encoding="utf-8"))
    except (OSError, ImportError, ValueError) as error:
        raise PluginBroken(f"the recipe {known[name]} cannot be read: {error}") from error
    chosen = variant or machine_variant()
    if chosen not in content:
        has = ", ".join(key for key in VARIANTS if key in content)
        step = f"it has: {has}; choose with --variant" if has else "repair the plugin"
        raise UsageError(f"the environment {name!r} has no {chosen} variant", next_step=step)
    return _recipe(name, package, content, chosen)


def machine_variant() -> str:
    """Return ``cuda`` if an NVIDIA driver answers, else ``cpu``."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "cpu"
    asked = subprocess.run([program, "-L"], capture_output=True, check=False, timeout=30)
    return "cuda" if asked.returncode == 0 and asked.stdout.strip() else "cpu"


def _recipe(name: str, package: str, content: dict[str, Any], variant: str) -> Recipe:
    try:
        part = content[variant]
        variables = content.get("variables", {}) | part.get("variables", {})
        return Recipe(
            name=name,
            summary=content["summary"],
            variant=variant,
            packages=tuple(part["packages"]),
            check=part.get("check") or content["check"],
            constraints=_lines(package, part.get("constraints") or content.get("constraints")),
            remove=tuple(part.get("remove", ())),
            variables={key: str(value) for key, value in variables.items()},
            megabytes=int(part.get("megabytes", 0)),
        )
    except (KeyError, TypeError, AttributeError, OSError, ValueError) as error:
        raise PluginBroken(f"the recipe of {name!r} is incomplete: {type(error).__name__}: {error}") from error


def _lines(package: str, file: str | None) -> tuple[str, ...]:
    if not file:
        return ()
    text = re.sub(r"(^|\s)#.*$", "", files(package).joinpath(file).read_text("utf-8"), flags=re.MULTILINE)
    return tuple(line.strip() for line in text.splitlines() if line.strip())
