"""Workspace of one user: what is made in it is for its owner alone, and no link leads out of it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ftctl.errors import UsageError, WorkspaceUnsafe

PRIVATE = 0o077
"""Umask of this process and its children: files are 600, folders 700, whatever the shell's umask."""

USERS = "FTCTL_UMASK"
"""Variable by which children know the umask of the user's shell."""


@contextlib.contextmanager
def users_umask() -> Iterator[None]:
    """Make files as the user's shell says, where they may be shared with others, as a cache is."""
    private = os.umask(int(os.environ.get(USERS, "077"), 8))
    try:
        yield
    finally:
        os.umask(private)


def private_workspace(path: Path) -> Path:
    """Return the absolute path of a workspace; from here on, this process makes private files alone.

    The workspace may be a link, or lie below one: that is the user's. A link below it is nobody's that ftctl knows, and
    would have files written, served or deleted elsewhere.

    Raises:
        WorkspaceUnsafe: there is a link below it.
    """
    users = os.umask(PRIVATE)
    os.environ.setdefault(USERS, f"{users:03o}")
    place = path.absolute()
    try:
        str(place).encode()
    except UnicodeEncodeError:
        text = f"the name of the workspace {str(place)!r} is no UTF-8"
        raise UsageError(text, next_step="choose another: --workspace DIR") from None
    refuse_links(place)
    return place


def refuse_links(folder: Path) -> None:
    """Refuse a folder that has a link below it.

    Raises:
        WorkspaceUnsafe: with the first one.
    """
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        text = f"{entry.path} is a link, and ftctl follows none below its workspace"
                        step = "replace it by what it points to; the workspace itself may be a link"
                        raise WorkspaceUnsafe(text, next_step=step)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # it is gone, or is told where it is used
