"""Detect connections to other machines."""

import socket
from typing import Any

import pytest

from ftctl.plugin.capabilities import NETWORK

LOOPBACK = ("127.", "::1")


def only_loopback(patch: pytest.MonkeyPatch) -> None:
    """Make every connection to another machine, and every look-up of one, fail the test."""
    connect = socket.socket.connect

    def near(here: socket.socket, address: Any) -> None:
        if here.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            pytest.fail(f"it connects to {address[0]} without declaring {NETWORK!r}")
        connect(here, address)

    def lookup(host: Any, *_: Any, **__: Any) -> None:
        pytest.fail(f"it looks {host!r} up without declaring {NETWORK!r}")

    patch.setattr(socket.socket, "connect", near)
    patch.setattr(socket, "getaddrinfo", lookup)
