"""A guarded process group: started without a shell, in a session of its own, with an environment of known variables."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from ftctl.faults import fault

_GUARD = str(Path(__file__).with_name("guard.py"))
PASSED = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV"),
    *(
        "HF_HOME",
        "HF_TOKEN",
        "HF_ENDPOINT",
        "HF_HUB_OFFLINE",
        "HF_HUB_CACHE",
        "SSL_CERT_FILE",
        "HTTPS_PROXY",
        "NO_PROXY",
    ),
    *("CUDA_VISIBLE_DEVICES", "NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"),
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONPATH", "PYTHONWARNINGS", "COVERAGE_PROCESS_START"),
    *("WANDB_API_KEY", "MLFLOW_TRACKING_URI", "FTCTL_FAULT", "FTCTL_TEST_BUILD"),
)
"""Variables that children may see; everything else stays here."""
FAMILIES = ("NCCL_", "GLOO_", "TORCH_", "RAY_", "DS_")
"""Beginnings of further ones: how processes of a training run find and talk to each other."""
LINGER_SECONDS = 5.0
"""Killed processes whose parent is slow to collect them still count as the group; no longer than this."""
QUIET = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}


class ProcessGroup:
    """One command and everything it started."""

    def __init__(
        self, argv: tuple[str, ...], log: Path, extra: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        fault("process.start.before")
        environment = (
            {n: value for n, value in os.environ.items() if n in PASSED or n.startswith(FAMILIES)}
            | QUIET
            | dict(extra or {})
        )
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", _GUARD, *argv],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=cwd,
                start_new_session=True,
                close_fds=False,
            )

    @property
    def pid(self) -> int:
        """The id of the group's leader, and of the group."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, or ``None`` while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """The exit code, or ``None`` when it still runs after that time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return _ended(self._process, seconds)
        return None

    def stop(self, grace: float) -> None:
        """Asks the whole group to end, kills it after the grace, and waits until nothing of it is left."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self.wait(grace)
            finally:
                self._signal(signal.SIGKILL)
                self._process.wait()
        else:
            self._signal(signal.SIGKILL)
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        deadline = time.monotonic() + LINGER_SECONDS
        while self._group_exists() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _group_exists(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def _ended(process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """As ``process.wait``, which asks again and again; the kernel tells, where it can, as soon as there is an end."""
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return process.wait(seconds)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        waiting.poll(seconds * 1000)
        return process.poll()
    finally:
        os.close(handle)
