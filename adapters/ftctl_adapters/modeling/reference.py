"""Find the folder of a model that a run file names."""

import re
from pathlib import Path

from ftctl.domain.names import nearest
from ftctl.errors import BackendFailed, UsageError

BUILTIN = {"builtin:tiny": Path(__file__).with_name("tiny")}
_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def locate(reference: str, revision: str | None) -> Path:
    """Return the folder of a model: ``builtin:tiny``, a local folder, or a hub name (``org/name``, ``hf::org/name``).

    ``HF_HUB_OFFLINE``, ``HF_HOME``, ``HF_ENDPOINT`` and ``HF_TOKEN`` hold as everywhere.

    Raises:
        UsageError: no such folder, or not a name.
        BackendFailed: the hub cannot be reached or does not have it.
    """
    if reference.startswith("builtin:"):
        if reference not in BUILTIN:
            raise UsageError(
                f"model: no {reference!r}; did you mean {nearest(reference, BUILTIN) or 'builtin:tiny'!r}?"
            )
        return BUILTIN[reference]
    folder = _folder(reference)
    if folder:
        return folder
    name = reference.removeprefix("hf::")
    if not _HUB.fullmatch(name) or ".." in name:
        raise UsageError(f"model: {reference!r} is no folder here and no hub name (org/name)", next_step="check it")
    return _download(name, revision)


def _folder(reference: str) -> Path | None:
    try:
        folder = Path(reference).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        return None


def _download(name: str, revision: str | None) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise UsageError(f"model: {name} is a hub name; the hub needs: pip install 'ftctl[hf]'") from error
    patterns = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model", "merges.txt", "vocab.txt"]
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except Exception as error:
        text = f"model: {name} cannot be had from the hub: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise BackendFailed(text, next_step="check name, revision, network; or give a local folder") from error
