"""Fetch files of a repository into the hub's cache; what is there already stays, and what was cut off goes on."""

import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from ftctl.errors import BackendFailed, DiskFull
from ftctl.private_workspace import users_umask
from ftctl_adapters.hub.content_hash import hash_like
from ftctl_adapters.hub.failures import failure_of
from ftctl_adapters.hub.listing import Listing

MARGIN = 1.02
"""Free space that a download wants, in multiples of its bytes."""

BUSY = (429, 500, 502, 503, 504)
PAUSES = (0.5, 2.0, 8.0, 32.0)
"""Seconds before a busy hub is asked again."""


def missing_bytes(listed: Listing, names: Iterable[str]) -> int:
    """Return the bytes of the files that the cache does not have at this commit."""
    return sum(listed.sizes[name] for name in names if cached_file(listed, name) is None)


def free_bytes() -> tuple[int, Path]:
    """Return the free bytes of the disk that the cache is on, and the cache."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    there = next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())
    return shutil.disk_usage(there).free, cache


def cached_file(listed: Listing, name: str) -> Path | None:
    """Return a file in the cache; None if it is not there."""
    from huggingface_hub import try_to_load_from_cache

    if listed.offline:
        return listed.offline / name if (listed.offline / name).is_file() else None
    found = try_to_load_from_cache(listed.name, name, revision=listed.commit, repo_type=listed.kind)
    return Path(found) if isinstance(found, str) else None


def fetch(listed: Listing, names: Iterable[str]) -> Path:
    """Return a folder of the cache that holds at least these files at the listed commit.

    Raises:
        DiskFull: the cache's disk has less room than they need.
        BackendFailed: the hub stopped answering, or sent other bytes than it announced.
    """
    wanted = sorted(names)
    if listed.offline:
        return listed.offline
    new = [name for name in wanted if cached_file(listed, name) is None]
    needed, (free, cache) = missing_bytes(listed, new), free_bytes()
    if needed * MARGIN > free:
        text = f"{listed.kind} {listed.name}: {needed / 1e6:,.0f} MB to fetch, {free / 1e6:,.0f} MB free in {cache}"
        raise DiskFull(text, next_step="free some space, or move the cache: HF_HOME")
    with users_umask():
        folder = _patiently(listed, [re.sub(r"([*?[])", r"[\1]", name) for name in wanted])
    for name in new:
        _refuse_other_content(listed, folder, name)
    return folder


def _patiently(listed: Listing, patterns: list[str]) -> Path:
    """Download, and again after growing pauses while the hub is busy."""
    from huggingface_hub import snapshot_download

    given = {"repo_type": listed.kind, "allow_patterns": patterns}
    for pause in (*PAUSES, None):
        try:
            # by the branch's name, so that the cache knows it when there is no network
            folder = Path(snapshot_download(listed.name, revision=listed.revision, **given))
            if folder.name != listed.commit:
                folder = Path(snapshot_download(listed.name, revision=listed.commit, **given))
            return folder
        except Exception as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            if pause is None or status not in BUSY:
                raise failure_of(error, listed.name, listed.kind, listed.revision) from error
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _refuse_other_content(listed: Listing, folder: Path, name: str) -> None:
    """Drop a file from the cache whose bytes are not those that the hub announced."""
    path, announced = folder / name, listed.hashes.get(name, "")
    if not path.is_file():
        raise BackendFailed(f"{listed.kind} {listed.name}: {name} did not come from the hub", next_step="try again")
    if announced and hash_like(announced, path) != announced:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        text = f"{listed.kind} {listed.name}: {name} came with other bytes than the hub announced, and was removed"
        raise BackendFailed(text, next_step="try again; if it stays so, ask whoever runs the mirror or proxy")
