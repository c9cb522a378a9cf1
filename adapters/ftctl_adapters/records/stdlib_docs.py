"""Text of the standard library: signatures, docstrings and long documentation."""

import contextlib
import importlib
import inspect
import io
import os
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

SKIPPED = frozenset(
    {"antigravity", "this", "distutils", "idlelib", "turtledemo", "lib2to3", "test", "__main__", "tkinter", "turtle"}
)
"""Modules whose import opens windows or browsers, prints, or is only for tests."""

_OF_THIS_MACHINE = (" at 0x", sys.prefix, sys.base_prefix, sys.exec_prefix, sys.executable or " at 0x")
"""A default value that shows an address or a path is another on every machine."""

Found = tuple[str, str, list[str], str]
"""Where it is, its signature with its name, its parameter names, its docstring."""


def modules() -> Iterator[ModuleType]:
    """Yield every importable public module of the standard library, by name."""
    for name in sorted(sys.stdlib_module_names):
        if name.startswith("_") or name in SKIPPED:
            continue
        module = _import(name)
        if module is not None:
            yield module
            yield from _submodules(module)


def callables() -> Iterator[Found]:
    """Yield every public callable with a signature, each signature once."""
    seen: set[str] = set()
    for module in modules():
        for name, value in _members(module):
            if getattr(value, "__module__", None) != module.__name__:
                continue
            for found in _described(f"{module.__name__}.{name}", name, value):
                if found[1] not in seen:
                    seen.add(found[1])
                    yield found


def paragraphs() -> Iterator[tuple[str, str]]:
    """Yield paragraphs of at least 80 characters: topics of the language reference, then module docstrings."""
    from pydoc_data.topics import topics

    documents = [(f"topic:{name}", text) for name, text in sorted(topics.items())]
    documents += [(module.__name__, module.__doc__ or "") for module in modules()]
    for where, text in documents:
        for number, paragraph in enumerate(text.split("\n\n"), 1):
            if len(paragraph.strip()) >= 80:
                yield f"{where}:{number}", paragraph.strip()


def _import(name: str) -> ModuleType | None:
    """Import the module silently; ``None`` if that fails in any way."""
    saved = os.environ.copy()
    try:
        silence = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except (Exception, SystemExit):
        return None
    finally:
        os.environ.clear()
        os.environ.update(saved)


def _submodules(package: ModuleType) -> Iterator[ModuleType]:
    import pkgutil

    for info in sorted(pkgutil.iter_modules(getattr(package, "__path__", [])), key=lambda info: info.name):
        if info.name.startswith("_") or info.name in SKIPPED | {"tests"}:
            continue
        module = _import(f"{package.__name__}.{info.name}")
        if module is not None:
            yield module


def _members(value: Any) -> list[tuple[str, Any]]:
    return [(name, member) for name, member in sorted(vars(value).items()) if not name.startswith("_")]


def _described(where: str, name: str, value: Any) -> Iterator[Found]:
    if inspect.isclass(value):
        yield from _one(where, name, value)
        for method, member in _members(value):
            function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if callable(function) and not inspect.isclass(function):
                yield from _one(f"{where}.{method}", f"{name}.{method}", function)
    elif callable(value):
        yield from _one(where, name, value)


def _one(where: str, name: str, value: Any) -> Iterator[Found]:
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):
        return
    text = f"{name}{signature}"
    if len(text) <= 160 and not any(part in text for part in _OF_THIS_MACHINE):
        yield where, text, list(signature.parameters), inspect.getdoc(value) or ""
