"""The page of the public interface: every name that a plugin may import, with its signature and first sentence."""

import inspect
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from ftctl.errors import FtctlError

PUBLIC = (
    "ftctl.plugin",
    "ftctl.ports",
    "ftctl.domain",
    "ftctl.errors",
    "ftctl.testing",
    "ftctl.testing.contracts",
    "ftctl.testing.fakes",
    "ftctl_adapters.training",
)


INTRODUCTION = """# The public interface

What a plugin may import; [what stays and what may change](../explanation/stability.md). Everything else is private.
"""


def api() -> str:
    """The page."""
    return INTRODUCTION + "".join(_module(import_module(name)) for name in PUBLIC)


def names_of(module: ModuleType) -> list[str]:
    """Its public names."""
    return sorted(module.__all__, key=lambda name: (not name.isupper(), name))


def _module(module: ModuleType) -> str:
    entries = (_entry(name, getattr(module, name)) for name in names_of(module))
    return f"\n## {module.__name__}\n\n{sentence(module)}\n\n{''.join(entries)}"


def _entry(name: str, value: Any) -> str:
    if not callable(value):
        return f"- `{name}` = `{value!r}`\n"
    entry = f"- `{name}{_signature(value)}`: {sentence(value)}\n"
    if inspect.isclass(value) and inspect.isabstract(value):
        for method in sorted(value.__abstractmethods__):
            entry += f"    - `{method}{_signature(getattr(value, method))}`\n"
    return entry


def _signature(value: Any) -> str:
    if inspect.isclass(value) and (issubclass(value, Exception) or inspect.isabstract(value)):
        return ""
    if inspect.isclass(value) and (getattr(value, "_is_protocol", False) or not hasattr(value, "__attrs_attrs__")):
        return ""
    if not inspect.isclass(value) and not inspect.isfunction(value):
        return "(…)"
    parameters = [one for one in inspect.signature(value).parameters.values() if one.name != "self"]
    return f"({', '.join(_parameter(one) for one in parameters)})"


def _parameter(one: inspect.Parameter) -> str:
    plain = one.default is inspect.Parameter.empty
    return one.name if plain else f"{one.name}=…"


def sentence(value: Any) -> str:
    """The first paragraph of its docstring, or of its module's where that has but the one; an error's code too."""
    told = value.__doc__ or (sys.modules[value.__module__].__doc__ if hasattr(value, "__module__") else "")
    if inspect.isclass(value) and issubclass(value, FtctlError):
        kind = f"A `{value.__mro__[1].__name__}`."
        told = f"{value.__doc__ or kind} Code `{value.code}`, exit code {value.exit_code}."
    return " ".join((told or "").split("\n\n")[0].split()).replace("``", "`")
