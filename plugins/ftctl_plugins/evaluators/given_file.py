"""A file that an option of an evaluator names."""

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
