"""Files that an option of an evaluator names."""

from collections.abc import Iterator
from pathlib import Path

from ftctl.ports.evaluator import EvaluatorError


def read_bytes(option: str, path: str | Path) -> bytes:
    """What it holds.

    Raises:
        EvaluatorError: it cannot be read; the line begins with the option.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        text = f"{option}: cannot read {path}: {error.strerror}"
        raise EvaluatorError(text, next_step="check the path") from error


def files_below(option: str, folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Those of the folder and of folders in it, in the order of their names, of these endings or of all; none hidden.

    Raises:
        EvaluatorError: it is no folder; the line begins with the option.
    """
    if not folder.is_dir():
        raise EvaluatorError(f"{option}: {folder} is no folder", next_step="check the path")
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("__pycache__", ".")):
            continue
        if path.is_dir():
            yield from files_below(option, path, endings)
        elif not endings or path.suffix in endings:
            yield path
