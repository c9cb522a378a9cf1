"""Check for an NVIDIA GPU."""

from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/version")
"""There where NVIDIA's kernel driver is loaded."""


def lacking_nvidia() -> list[str]:
    """Return the reason why NVIDIA backends cannot run here; empty if they can."""
    return [] if DRIVER.exists() else ["it needs an NVIDIA GPU, and this machine has no driver for one loaded"]
