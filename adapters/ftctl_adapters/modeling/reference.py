"""Tell folders from hub names in what a run file calls its model."""

import re
from pathlib import Path

from attrs import frozen

from ftctl.domain.names import nearest
from ftctl.errors import UsageError

BUILTIN = {"builtin:tiny": Path(__file__).with_name("tiny")}
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


@frozen
class HubName:
    """A model of the hub: ``org/name``, and a branch, tag or commit."""

    name: str
    revision: str | None


def resolve(reference: str, revision: str | None) -> Path | HubName:
    """Return the folder of a model, or its hub name.

    Args:
        reference: ``builtin:tiny``, a local folder, ``org/name`` or ``hf::org/name``.
        revision: of a hub name.

    Raises:
        UsageError: no such folder, or not a name.
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
    if not HUB_NAME.fullmatch(name) or ".." in name:
        raise UsageError(f"model: {reference!r} is no folder here and no hub name (org/name)", next_step="check it")
    return HubName(name, revision)


def _folder(reference: str) -> Path | None:
    try:
        folder = Path(reference).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        return None
