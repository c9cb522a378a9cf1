"""Keeps memory that was freed, instead of giving it back to the system and asking for it again at every step.

Activations of tens of megabytes are mapped and unmapped by glibc with every batch, and each mapping is paid for page by
page: on a virtual machine with two cores that was a quarter of the training time.
"""

import contextlib
import ctypes
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX, ARENA_MAX = -1, -2, -4, -8
"""Parameters of ``mallopt(3)``, by their numbers in glibc's malloc.h."""

PAD_BYTES = 64 << 20
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tells glibc to keep and reuse what is freed, in one arena for all threads; whether it could be told."""
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        wanted = {MMAP_MAX: 0, TRIM_THRESHOLD: NEVER, TOP_PAD: PAD_BYTES, ARENA_MAX: 1}
        told = [bool(mallopt(parameter, value)) for parameter, value in wanted.items()]
        return all(told)
    return False
