"""Create a pip project for a plugin of one port, which passes its contract unchanged."""

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from ftctl import __version__, domain, ports
from ftctl.domain.names import is_name, nearest
from ftctl.errors import UsageError
from ftctl.plugin.offer import CONTRACT_VERSION, OWN_DIST, PORTS
from ftctl.plugin.registry import Registry

TEMPLATES = files("ftctl_adapters.scaffold").joinpath("templates")
SUFFIX, PACKAGE = ".tmpl", "PACKAGE"
"""What files of templates end with, and what stands for the name of the package in paths."""
SUFFIXES = {port: port.rpartition("_")[2].capitalize() for port in PORTS}


def new_project(port: str, name: str, folder: Path, registry: Registry) -> list[Path]:
    """Write the project ``ftctl-NAME`` into ``folder``, which must not exist; return its files.

    Raises:
        UsageError: no such port, a name that cannot be one or is taken by ftctl, or the folder is there.
    """
    if port not in PORTS:
        meant = nearest(port, PORTS)
        hint = f"did you mean {meant!r}? " if meant else ""
        raise UsageError(f"no port {port!r}; {hint}known: {', '.join(PORTS)}")
    if not is_name(name) or not name[0].isalpha() or not name[-1].isalnum():
        step = "a letter, then a-z, 0-9, '-', '_' or '.', and a letter or digit at the end"
        raise UsageError(f"{name!r} cannot name a backend", next_step=step)
    if any((offer.port, offer.name, offer.dist) == (port, name, OWN_DIST) for offer in registry.offers(port)):
        raise UsageError(f"{name!r} is a {spoken(port)} of ftctl's own, and nobody else's can be named so")
    if folder.exists():
        raise UsageError(f"{folder} is there already", next_step="name another folder: --into FOLDER")
    words = words_of(port, name)
    made = []
    for path, text in sorted(_templates(port)):
        target = folder / path.replace(PACKAGE, words["package"])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(text).substitute(words), encoding="utf-8")
        made.append(target)
    return made


def words_of(port: str, name: str) -> dict[str, str]:
    """Return the values of the templates' placeholders."""
    parts = re.split(r"[^a-z0-9]+", name)
    return {
        "name": name,
        "dist": f"ftctl-{name}",
        "package": "ftctl_" + "_".join(parts),
        "kind": _class_name(parts, port),
        "port": port,
        "Spoken": _with_article(spoken(port)).capitalize(),
        "version": __version__,
        "contract": str(CONTRACT_VERSION),
    }


def spoken(port: str) -> str:
    """Return the port's name for use in a sentence."""
    return port.replace("_", " ")


def _class_name(parts: list[str], port: str) -> str:
    """Return a class name from the plugin's name, ending with the port: no keyword, no import of the module."""
    words, suffix = "".join(part.capitalize() for part in parts), SUFFIXES[port]
    name = words if words.endswith(suffix) and words != suffix else words + suffix
    return f"My{name}" if name in (*domain.__all__, *ports.__all__) else name


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _templates(port: str) -> Iterator[tuple[str, str]]:
    """Yield paths and texts of the templates of every project and of the port."""
    for group in ("common", port):
        yield from _texts(TEMPLATES.joinpath(group), "")


def _texts(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from _texts(path, f"{prefix}{path.name}/")
        elif path.name.endswith(SUFFIX):
            yield prefix + path.name.removesuffix(SUFFIX), path.read_text(encoding="utf-8")
