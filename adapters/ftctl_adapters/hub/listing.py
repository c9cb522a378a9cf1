"""List a repository of the hub at one commit, from the hub or from its cache."""

import functools
from pathlib import Path

from attrs import frozen

from ftctl.errors import UsageError
from ftctl_adapters.hub.failures import failure_of, is_no_answer, unreachable


@frozen
class Listing:
    """Files of a repository at one commit.

    ``sizes`` are bytes by file name, 0 where the hub does not say; ``hashes`` are those that it announces: SHA-256 of
    large files, git's SHA-1 of small ones. ``offline`` is the folder in the cache if nobody was asked; then the files
    are those that it holds.
    """

    name: str
    kind: str
    revision: str | None
    commit: str
    sizes: dict[str, int]
    hashes: dict[str, str]
    offline: Path | None = None


@functools.lru_cache
def listing(name: str, kind: str, revision: str | None) -> Listing:
    """Return the files of a repository, resolved once a process: a branch that moves meanwhile makes no difference.

    Args:
        name: ``org/name``.
        kind: ``model`` or ``dataset``.
        revision: branch, tag or commit; None is the default branch.

    Raises:
        UsageError: there is none of that name or revision, or it is gated.
        BackendFailed: the hub does not answer, and the cache does not have it.
    """
    try:
        from huggingface_hub import HfApi, constants
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError as error:
        raise UsageError(
            f"{name} is a hub name; the hub needs huggingface-hub", next_step="pip install 'ftctl[hf]'"
        ) from error
    if constants.HF_HUB_OFFLINE:
        return _cached(name, kind, revision)
    try:
        info = HfApi().repo_info(name, repo_type=kind, revision=revision, files_metadata=True)
    except HFValidationError as error:
        raise UsageError(f"{name!r} is no hub name (org/name)", next_step="check it") from error
    except HfHubHTTPError as error:
        if error.response.status_code >= 500:
            return _cached(name, kind, revision, error)
        raise failure_of(error, name, kind, revision) from error
    except Exception as error:
        if is_no_answer(error):
            return _cached(name, kind, revision, error)
        raise failure_of(error, name, kind, revision) from error
    files = info.siblings or ()
    sizes = {one.rfilename: one.size or 0 for one in files}
    hashes = {one.rfilename: one.lfs.sha256 if one.lfs else one.blob_id or "" for one in files}
    return Listing(name, kind, revision, str(info.sha), sizes, hashes)


def _cached(name: str, kind: str, revision: str | None, cause: Exception | None = None) -> Listing:
    """Return what the cache has of a repository, which may be a part of it: what was read is there."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE) / f"{kind}s--{name.replace('/', '--')}"
    branch = cache / "refs" / (revision or constants.DEFAULT_REVISION)
    commit = branch.read_text(encoding="utf-8").strip() if branch.is_file() else revision or ""
    folder = cache / "snapshots" / commit
    if not commit or not folder.is_dir():
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if cause is not None and status is not None:
            raise failure_of(cause, name, kind, revision) from cause
        raise unreachable(name, kind, revision) from cause
    files = {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return Listing(name, kind, revision, commit, files, {}, folder)
