"""Instantiate the backends that a job names, and call them."""

from copy import deepcopy
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from attrs import evolve

from ftctl.domain.artifact import Artifact
from ftctl.domain.job import PluginRef
from ftctl.errors import BackendFailed, FtctlError, PluginBroken
from ftctl.plugin.containment import contained
from ftctl.plugin.offer import load
from ftctl.plugin.result_checks import returned
from ftctl.ports.context import StageContext

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
        with contained(str(reference) if reference.owner else "", "its constructor"):
            return load(reference.factory)(load(reference.options_path)(**frozen(reference.options)))
    except (FtctlError, MemoryError):
        raise
    except Exception as error:
        remedy = f"install it again: pip install '{reference.owner.replace(' ', '==')}'" if reference.owner else ""
        raise PluginBroken(f"{reference} cannot be used: {type(error).__name__}: {error}", next_step=remedy) from error


def ask(reference: PluginRef, method: str, *arguments: Any, **named: Any) -> Any:
    """Instantiate a backend, call one of its methods, and check its result.

    Code of others gets copies of what is given, and is contained.

    Raises:
        PluginBroken: it is not there, tried to end the program, or returns what its port does not.
        BackendFailed: code of others raised an error of its own.
    """
    if not reference.owner:
        return returned(getattr(make(reference), method), str(reference), arguments, foreign=False, **named)
    made = make(reference)
    try:
        with contained(str(reference), f"{method}()"):
            given = map(_copied, arguments)
            return returned(getattr(made, method), str(reference), given, foreign=True, **named)
    except (FtctlError, MemoryError, OSError):
        raise
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise
        text = f"{reference} failed in {method}(): {type(error).__name__}: {error}"
        raise BackendFailed(text, next_step="worker.log in the stage's folder has the traceback") from error


def _copied(given: Any) -> Any:
    """Return a copy of data, so that whoever changes it changes nothing of others; targets and contexts are shared."""
    if isinstance(given, StageContext):
        return evolve(given, settings=deepcopy(given.settings))
    return deepcopy(given) if isinstance(given, Artifact | dict | list | tuple) else given


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
