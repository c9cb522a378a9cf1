"""Keep freed memory in the process instead of returning it to the system at every step.

Activations of tens of megabytes are mapped and unmapped by glibc with every batch, and each mapping is paid for page by
page: on a virtual machine with two cores that was a quarter of the training time.
"""

import contextlib
import ctypes
import functools
import os
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX, ARENA_MAX = -1, -2, -4, -8
"""Parameters of ``mallopt(3)``, by their numbers in glibc's malloc.h."""

PAD_BYTES = 64 << 20
NEVER = 2**31 - 1


COMPILED = "64"
"""Products that oneDNN keeps compiled: those of one pass. Each takes about 0.6 MB, every length of a batch brings some
forty, compiling one takes 0.3 ms, and its own default is to keep 1,024."""


@functools.cache
def keep_few_products() -> None:
    """Limit oneDNN's cache, unless the user has; call it before the first product, at which the variable is read."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", COMPILED)


def keep_freed_memory() -> bool:
    """Make glibc keep and reuse freed memory, in one arena; return whether that worked."""
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        wanted = {MMAP_MAX: 0, TRIM_THRESHOLD: NEVER, TOP_PAD: PAD_BYTES, ARENA_MAX: 1}
        told = [bool(mallopt(parameter, value)) for parameter, value in wanted.items()]
        return all(told)
    return False
