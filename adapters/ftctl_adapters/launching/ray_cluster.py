"""Existing Ray clusters."""

import socket

from ftctl.errors import BackendFailed

ANSWER_SECONDS = 10.0


def reach(address: str, setting: str) -> None:
    """Check that a cluster listens at the address; Ray itself would try for minutes.

    Args:
        address: host:port.
        setting: where the address stands in a run file.

    Raises:
        BackendFailed: nobody does.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        step = f"start it with `ray start --head`, and give {setting} as host:port"
        raise BackendFailed(f"no Ray cluster at {address}: {error}", next_step=step) from error
