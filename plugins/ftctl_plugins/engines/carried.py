"""Work that is carried to another process once, and remembered there."""

import pickle
from collections.abc import Callable
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=4)
def _unpacked(work: bytes) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = pickle.loads(work)  # noqa: S301 - of the process that started this one
    return function


def do(work: bytes, item: Any) -> Any:
    """The work on one item; what its operators have read and built stays for the next one."""
    return _unpacked(work)(item)
