"""Commit files and folders: write beside, flush, rename; nothing is deleted before."""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from attrs import asdict

from ftctl.domain.artifact import FileEntry
from ftctl.errors import DiskFull
from ftctl.faults import fault
from ftctl.private_workspace import refuse_links
from ftctl.whole_file import sync, write_whole

MANIFEST = "manifest.json"


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def entries(folder: Path) -> tuple[FileEntry, ...]:
    """Return every file below the folder, by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(FileEntry(p.relative_to(folder).as_posix(), p.stat().st_size, sha256_file(p)) for p in files)


def write_file(path: Path, text: str) -> None:
    """Replace a file atomically; a reader sees the old text or the new one, after a crash too.

    Raises:
        DiskFull: the file is what it was.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise as_disk_full(error, path) from error


def commit_folder(folder: Path, target: Path, manifest: dict[str, Any]) -> None:
    """Move a finished folder to ``target`` with its manifest, atomically.

    When the same content is there already, whole, the folder is dropped; what lies there damaged gives way.

    Raises:
        DiskFull: nothing appeared.
    """
    refuse_links(folder)
    try:
        for path in folder.rglob("*"):
            sync(path)
        fault("store.commit.before_manifest")
        write_file(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
        sync(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        fault("store.commit.before_rename")
        _place(folder, target)
        sync(target.parent)
        fault("store.commit.after_rename")
    except OSError as error:
        raise as_disk_full(error, target) from error


def is_whole(folder: Path) -> bool:
    """Return True if the folder holds exactly the files of its manifest, by size and hash."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    there = [asdict(entry) for entry in entries(folder) if entry.path != MANIFEST]
    return bool(listed == there)


def _place(folder: Path, target: Path) -> None:
    """Rename first, then check: of two processes with the same content, the second one simply loses."""
    aside = target.with_name(f".damaged-{target.name}-{os.getpid()}")
    while True:
        try:
            folder.rename(target)
            shutil.rmtree(aside, ignore_errors=True)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        if is_whole(target):
            shutil.rmtree(folder)
            return
        target.rename(aside)


def as_disk_full(error: OSError, path: Path) -> Exception:
    """Return `DiskFull` if the disk is full, the error itself otherwise."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return error
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    return DiskFull(f"disk full while writing {path} ({free / 1e6:,.0f} MB free)", next_step="free some space")
