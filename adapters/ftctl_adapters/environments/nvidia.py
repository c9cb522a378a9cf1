"""Whether this machine can run what needs an NVIDIA GPU."""

from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/version")
"""There where NVIDIA's kernel driver is loaded."""


def lacking_nvidia() -> list[str]:
    """Why not, in a sentence; empty where it can."""
    return [] if DRIVER.exists() else ["it needs an NVIDIA GPU, and this machine has no driver for one loaded"]
