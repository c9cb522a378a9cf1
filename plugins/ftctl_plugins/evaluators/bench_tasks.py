"""Which tasks of lm-evaluation-harness are meant, and what files they are made of."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ftctl.ports.evaluator import EvaluatorError

ENDINGS = (".yaml", ".yml")
BESIDE = (*ENDINGS, ".py", ".json", ".jsonl")
"""Files in the folder of a task that it may be made of: what it includes, functions, rows."""


@frozen
class Tasks:
    """``names`` as lm-eval knows them, ``folders`` where their files lie beside its own.

    ``own`` is true where some are among those that come with lm-eval, or on the hub.
    """

    names: tuple[str, ...]
    folders: tuple[str, ...]
    own: bool


def find(named: Sequence[str], folder: str | None) -> Tasks:
    """The tasks of names, and of paths of YAML files.

    Raises:
        EvaluatorError: a file cannot be read, or is no task.
    """
    paths = [Path(one) for one in named if one.endswith(ENDINGS)]
    folders = dict.fromkeys([*([folder] if folder else []), *(str(path.parent.absolute()) for path in paths)])
    for one in folders:
        if not Path(one).is_dir():
            raise EvaluatorError(f"bench: {one} is no folder", next_step="check the path")
    names = tuple(str(_read(Path(one)).get("task")) if one.endswith(ENDINGS) else one for one in named)
    for path, name in zip(named, names, strict=True):
        if name == "None":
            raise EvaluatorError(f"bench: {path} names no task", next_step="it needs the key `task` and a name")
    return Tasks(names, tuple(folders), own=len(paths) < len(named))


def fingerprint(tasks: Tasks) -> str:
    """The digest of every file that lies with the tasks, and of those that their YAML names as data."""
    found = hashlib.sha256()
    for path in sorted({str(path) for folder in tasks.folders for path in _files(Path(folder))}):
        found.update(path.encode() + b"\0" + hashlib.sha256(Path(path).read_bytes()).digest())
    return found.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in BESIDE and path.is_file():
            yield path
        if path.suffix in ENDINGS and path.is_file():
            named = (_read(path).get("dataset_kwargs") or {}).get("data_files")
            for pattern in _texts(named):
                at = Path(pattern)
                yield from (
                    path for path in Path(at.anchor or ".").glob(str(at.relative_to(at.anchor))) if path.is_file()
                )


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]


def _read(path: Path) -> dict[str, Any]:
    """The document; tags, by which lm-eval names functions, are left out of it."""
    yaml = YAML(typ="rt", pure=True)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluatorError(f"bench: cannot read the task {path}: {error}", next_step="check the path") from error
    except YAMLError as error:
        line = str(error).splitlines()[0]
        raise EvaluatorError(f"bench: the task {path} is not YAML: {line}", next_step="correct it") from error
    return document if isinstance(document, dict) else {}
