"""Turn refusals of the hub into errors that say what to do."""

from pathlib import Path
from typing import Any

from ftctl.domain.names import nearest
from ftctl.errors import BackendFailed, DiskFull, FtctlError, UsageError

TOKEN_STEP = "set HF_TOKEN or run `hf auth login`"  # noqa: S105 - how to give one


def failure_of(error: Exception, name: str, kind: str, revision: str | None) -> FtctlError:
    """Return what a failed request means for whoever named the repository.

    Args:
        error: raised by huggingface_hub.
        name: of the repository, ``org/name``.
        kind: ``model`` or ``dataset``.
        revision: branch, tag or commit that was asked for.
    """
    from huggingface_hub import errors

    what = f"{kind} {name}"
    if isinstance(error, errors.GatedRepoError):
        step = f"accept its terms at {_page(name, kind)}, then {TOKEN_STEP}"
        return UsageError(f"{what} is gated: the hub gives it to those who accepted its terms", next_step=step)
    if isinstance(error, errors.RepositoryNotFoundError):
        meant = _nearest(name, kind)
        hint = f"; did you mean {meant!r}?" if meant else ""
        return UsageError(
            f"{what} is not on the hub, or is private{hint}", next_step=f"check the name, or {TOKEN_STEP}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return UsageError(f"{what} has no revision {revision!r}", next_step="name a branch, a tag or a commit of it")
    if isinstance(error, errors.DisabledRepoError):
        return UsageError(f"{what} was disabled by the hub", next_step="take another")
    if isinstance(error, OSError) and error.errno == 28:
        return DiskFull(f"no space left for {what}", next_step="free some space, or move the cache: HF_HOME")
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        step = TOKEN_STEP if status in (401, 403) else "try again later"
        return BackendFailed(f"{what}: the hub answered with status {status}", next_step=step)
    if is_no_answer(error):
        return unreachable(name, kind, revision)
    said = str(error).partition("\n")[0]
    return BackendFailed(f"{what}: {type(error).__name__}: {said}", next_step="try again, or name a local folder")


def is_no_answer(error: Exception) -> bool:
    """Return True if nobody answered: no network, no such host, a connection that broke off."""
    import httpx

    return isinstance(error, OSError | httpx.TransportError)


def unreachable(name: str, kind: str, revision: str | None) -> FtctlError:
    """Return the error for a hub that does not answer, or is not to be asked, with what the cache has instead."""
    from huggingface_hub import constants

    known = cached_names(kind)
    has = f"the cache has {', '.join(known[:8])}" if known else "the cache has none"
    what = f"{kind} {name}" + (f" at {revision}" if revision else "")
    if constants.HF_HUB_OFFLINE:
        text = f"{what} is not in the cache, and HF_HUB_OFFLINE is set; {has}"
    else:
        text = f"{what}: the hub at {constants.ENDPOINT} does not answer, and it is not in the cache; {has}"
    flag = "" if kind == "model" else f" --repo-type {kind}"
    step = f"fetch it where there is a network: hf download{flag} {name}; or name a local folder"
    return BackendFailed(text, next_step=step)


def cached_names(kind: str) -> list[str]:
    """Return the names of repositories in the hub's cache, sorted."""
    from huggingface_hub import constants

    prefix = f"{kind}s--"
    try:
        folders = sorted(path.name for path in Path(constants.HF_HUB_CACHE).iterdir())
    except OSError:
        return []
    return [folder.removeprefix(prefix).replace("--", "/") for folder in folders if folder.startswith(prefix)]


def _page(name: str, kind: str) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{'' if kind == 'model' else 'datasets/'}{name}"


def _nearest(name: str, kind: str) -> str | None:
    """Return the likest name of the same owner; None where the hub does not tell."""
    from huggingface_hub import HfApi

    api, owner = HfApi(), name.partition("/")[0]
    listed: Any = api.list_models if kind == "model" else api.list_datasets
    try:
        return nearest(name, [one.id for one in listed(author=owner, limit=200)])
    except Exception:  # a hint is not worth another error
        return None
