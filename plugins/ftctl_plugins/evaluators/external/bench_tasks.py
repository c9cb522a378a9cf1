"""Find the files of lm-evaluation-harness tasks that a run names."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.option_file import files_below, read_bytes

ENDINGS = (".yaml", ".yml")
ROWS = ("dataset_path", "data_files", "data_dir")
WILD = re.compile(r"[*?\[{]")


def is_file(named: str) -> bool:
    """Return True if a task is named by the path of its YAML."""
    return named.endswith(ENDINGS)


def fingerprint(named: Sequence[str], folder: str | None) -> str:
    """Return the digest of tasks and the files they name: included files, Python code, rows.

    Of a folder with further tasks that is every YAML in it, hidden folders left out.

    Raises:
        EvaluatorError: a file cannot be read, or one that was named is no YAML.
    """
    made = [part for one in named if is_file(one) for part in _made_of(Path(one), frozenset())]
    for one in () if folder is None else sorted(files_below("bench", Path(folder), ENDINGS)):
        # lm-eval passes over what it cannot read there
        try:
            made += _made_of(one, frozenset())
        except EvaluatorError:
            made.append(one)
    found = hashlib.sha256()
    for path in dict.fromkeys(made):
        found.update(str(path).encode() + b"\0" + hashlib.sha256(read_bytes("bench", path)).digest())
    return found.hexdigest()


def _made_of(path: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Yield the YAML file and the files it names, each once."""
    if path in above:
        return
    yield path
    document = _read(path)
    # functions of `!function` lie beside it, or below
    yield from files_below("bench", path.parent, (".py",))
    for included in _texts(document.get("include")):
        beside = path.parent / included
        if beside.is_file():
            yield from _made_of(beside, above | {path})
    for text in _rows(document):
        yield from _files(text)


def _rows(value: Any, key: str = "") -> Iterator[str]:
    """Yield texts under keys that name rows, at any depth, since groups contain tasks."""
    if isinstance(value, str):
        yield from [value] if key in ROWS else []
    for name, one in value.items() if isinstance(value, dict) else []:
        yield from _rows(one, name if name in ROWS else key)
    for one in value if isinstance(value, list) else []:
        yield from _rows(one, key)


def _files(text: str) -> list[Path]:
    """Return the file, or all files of a pattern's folder; empty for a hub name."""
    parts = list(Path(text).parts)
    wild = next((place for place, part in enumerate(parts) if WILD.search(part)), len(parts))
    at = Path(*parts[:wild])
    if at.is_dir() and (wild == len(parts) or wild):
        return sorted(files_below("bench", at, ()))
    return [at] if at.is_file() else []


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]


def _read(path: Path) -> dict[str, Any]:
    """Return the document without YAML tags, by which lm-eval names functions."""
    reader = YAML(typ="rt", pure=True)
    try:
        document = reader.load(read_bytes("bench", path).decode("utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        line = str(error).splitlines()[0]
        raise EvaluatorError(f"bench: the task {path} is not YAML: {line}", next_step="correct it") from error
    return document if isinstance(document, dict) else {}
