"""Instantiate the backends that a job names, and call them."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ftctl.domain.job import PluginRef
from ftctl.errors import FtctlError, PluginBroken
from ftctl.plugin.offer import load
from ftctl.plugin.result_checks import returned

TRACKED = (
    "ftctl",
    "torch",
    "transformers",
    "peft",
    "tokenizers",
    "safetensors",
    "bitsandbytes",
    "numpy",
    "llmcompressor",
    "lm_eval",
    "datasets",
)
"""Packages whose versions go into the lineage."""


def make(reference: PluginRef) -> Any:
    """Return the backend that the reference names.

    Raises:
        PluginBroken: it is not there, or cannot be made.
    """
    try:
        return load(reference.factory)(load(reference.options_path)(**frozen(reference.options)))
    except (FtctlError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        remedy = f"install it again: pip install '{reference.owner.replace(' ', '==')}'" if reference.owner else ""
        raise PluginBroken(f"{reference} cannot be used: {type(error).__name__}: {error}", next_step=remedy) from error


def ask(reference: PluginRef, method: str, *arguments: Any) -> Any:
    """Instantiate a backend, call one of its methods, and check the result's type.

    Raises:
        PluginBroken: it is not there, or returns what its port does not.
    """
    return returned(getattr(make(reference), method), str(reference), *arguments)


def frozen(options: dict[str, Any]) -> dict[str, Any]:
    """Convert lists to tuples, which options classes have instead."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}


def packages() -> dict[str, str]:
    """Return the versions of tracked packages that are installed here."""
    found = {}
    for name in TRACKED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
