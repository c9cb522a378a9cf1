"""Import bitsandbytes without torch.compile: importing this module does it, where the package is installed.

It wraps four functions of its CPU fallback in `torch.compile` when it is imported, which loads TorchInductor: over a
second in every process that imports PEFT or opens a quantised model. Where compiling fails it keeps the plain functions
itself; so compiling fails here, while it is imported. Results are the plain functions', with a compiler or without.
On a machine with a GPU it is imported as it stands, for there compiled functions are used.
"""

import contextlib
import sys
from pathlib import Path
from typing import Any

ACCELERATORS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dri/renderD128")
"""Devices of NVIDIA, AMD and Intel drivers; looking for them initialises nothing."""


def _refuse(*_: Any, **__: Any) -> Any:
    raise RuntimeError("not compiled")


if "bitsandbytes" not in sys.modules and not any(Path(device).exists() for device in ACCELERATORS):
    # a package that cannot be imported is told of where it is used
    with contextlib.suppress(Exception):
        import torch

        _compile, torch.compile = torch.compile, _refuse
        try:
            import bitsandbytes  # noqa: F401
        finally:
            torch.compile = _compile
