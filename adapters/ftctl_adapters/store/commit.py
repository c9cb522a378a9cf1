"""The one way anything becomes final: written beside, flushed, renamed into place, never deleted first."""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ftctl.domain.artifact import FileEntry
from ftctl.errors import DiskFull
from ftctl.faults import fault

CHUNK = 1 << 20
MANIFEST = "manifest.json"


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's content, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def entries(folder: Path) -> tuple[FileEntry, ...]:
    """Every file below the folder, by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(FileEntry(p.relative_to(folder).as_posix(), p.stat().st_size, sha256_file(p)) for p in files)


def sync(path: Path) -> None:
    """Flushes a file or directory to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, text: str) -> None:
    """Replaces a file in one step; a reader sees the old text or the new one, after a crash too."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
        sync(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise as_disk_full(error, path) from error


def commit_folder(folder: Path, target: Path, manifest: dict[str, Any]) -> None:
    """Makes a finished folder appear at ``target`` with its manifest, or not at all.

    When ``target`` is there already (the same content, made by somebody else), the folder is dropped.

    Raises:
        DiskFull: nothing appeared.
    """
    try:
        for path in folder.rglob("*"):
            sync(path)
        fault("store.commit.before_manifest")
        write_file(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
        sync(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        fault("store.commit.before_rename")
        if not (target / MANIFEST).exists():
            _set_aside(target)
            folder.rename(target)
        else:
            shutil.rmtree(folder)
        sync(target.parent)
        fault("store.commit.after_rename")
    except OSError as error:
        raise as_disk_full(error, target) from error


def _set_aside(target: Path) -> None:
    """Moves what lies at the target without a manifest out of the way: it is no artifact."""
    if target.exists():
        target.rename(target.with_name(f".broken-{target.name}-{os.getpid()}"))


def as_disk_full(error: OSError, path: Path) -> Exception:
    """`DiskFull` where the disk is the cause, the error itself otherwise."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return error
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    return DiskFull(f"disk full while writing {path} ({free / 1e6:,.0f} MB free)", next_step="free some space")
