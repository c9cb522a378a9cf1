"""Which tasks of lm-evaluation-harness are meant, and what files they are made of."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ftctl.ports.evaluator import EvaluatorError

ENDINGS = (".yaml", ".yml")


def is_file(named: str) -> bool:
    """Whether a task is named by the path of its YAML, and not as lm-eval knows it."""
    return named.endswith(ENDINGS)


def fingerprint(named: Sequence[str], folder: str | None) -> str:
    """The digest of what the tasks say and of the files that they name: what they include, Python code, rows.

    Of a folder with further tasks that is every YAML in it, hidden folders left out.

    Raises:
        EvaluatorError: a file cannot be read, or is no YAML.
    """
    yamls = [Path(one) for one in named if is_file(one)]
    yamls += [] if folder is None else sorted(_visible(Path(folder), ENDINGS))
    found = hashlib.sha256()
    for path in dict.fromkeys(part for one in yamls for part in _made_of(one, frozenset())):
        found.update(str(path).encode() + b"\0" + hashlib.sha256(_bytes(path)).digest())
    return found.hexdigest()


def _made_of(path: Path, above: frozenset[Path]) -> Iterator[Path]:
    """The YAML and what it names, once each where files include each other."""
    if path in above:
        return
    yield path
    document = _read(path)
    # functions of `!function` lie beside it
    yield from sorted(path.parent.glob("*.py"))
    for included in _texts(document.get("include")):
        beside = path.parent / included
        if beside.is_file():
            yield from _made_of(beside, above | {path})
    given = document.get("dataset_kwargs") or {}
    given = given if isinstance(given, dict) else {}
    for value in (given.get("data_files"), given.get("data_dir"), document.get("dataset_path")):
        for text in _texts(value):
            yield from _rows(text)


def _rows(text: str) -> list[Path]:
    """The files of a path, a folder or a pattern; nothing where it is a name on the hub."""
    at = Path(text)
    if at.is_dir():
        return sorted(_visible(at, ()))
    found = Path(at.anchor or ".").glob(str(at.relative_to(at.anchor))) if text.strip("/.") else []
    return sorted(one for one in found if one.is_file())


def _visible(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    if not folder.is_dir():
        raise EvaluatorError(f"bench: {folder} is no folder", next_step="check the path")
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("__pycache__", ".")):
            continue
        if path.is_dir():
            yield from _visible(path, endings)
        elif not endings or path.suffix in endings:
            yield path


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        text = f"bench: cannot read {path}: {error.strerror}"
        raise EvaluatorError(text, next_step="check the path") from error


def _read(path: Path) -> dict[str, Any]:
    """The document; tags, by which lm-eval names functions, are left out of it."""
    reader = YAML(typ="rt", pure=True)
    try:
        document = reader.load(_bytes(path).decode("utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        line = str(error).splitlines()[0]
        raise EvaluatorError(f"bench: the task {path} is not YAML: {line}", next_step="correct it") from error
    return document if isinstance(document, dict) else {}
