"""State of libraries that a fork must not share with its siblings."""

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Any

REFRESH = f"{__name__}:refresh"


def refresh(variables: Mapping[str, str]) -> None:
    """Seed NumPy's global generator anew, and give OpenBLAS the threads that the variables ask for.

    The fork server imports NumPy with one thread, since none survives a fork. Libraries that it did not import are left
    alone.
    """
    random: Any = sys.modules.get("numpy.random")
    if random:
        random.seed()
    if "numpy" not in sys.modules:
        return
    with contextlib.suppress(ImportError):
        from threadpoolctl import ThreadpoolController

        wanted = variables.get("OPENBLAS_NUM_THREADS") or variables.get("OMP_NUM_THREADS") or ""
        threads = int(wanted) if wanted.isdecimal() else os.cpu_count() or 1
        ThreadpoolController().select(internal_api="openblas").limit(limits=threads)
