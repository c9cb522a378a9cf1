"""Files that an option of an evaluator names."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ftctl.ports.evaluator import EvaluatorError


def read_bytes(option: str, path: str | Path) -> bytes:
    """Read a file that an option names.

    Raises:
        EvaluatorError: it cannot be read; the line begins with the option.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        text = f"{option}: cannot read {path}: {error.strerror}"
        raise EvaluatorError(text, next_step="check the path") from error


def digest_of(option: str, path: Path) -> bytes:
    """Return the SHA-256 of a file of any size.

    Raises:
        EvaluatorError: it cannot be read; the line begins with the option.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        text = f"{option}: cannot read {path}: {error.strerror}"
        raise EvaluatorError(text, next_step="check the path") from error


def files_below(option: str, folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders with these endings, or all, in order.

    What is hidden, behind a link, or an environment of Python is none of them.

    Raises:
        EvaluatorError: it is no folder; the line begins with the option.
    """
    if not folder.is_dir():
        raise EvaluatorError(f"{option}: {folder} is no folder", next_step="check the path")
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("__pycache__", ".")):
            continue
        if path.is_dir():
            if path.is_symlink() or (path / "pyvenv.cfg").exists():
                continue
            yield from files_below(option, path, endings)
        elif not endings or path.suffix in endings:
            yield path
