"""Environments of a process, drawn at random: variables, descriptors, limits."""

import os
import random
import resource
import subprocess
import sys
from pathlib import Path

from tests.conftest import minimal_environment

VARIABLES: dict[str, tuple[str, ...]] = {
    "LANG": ("", "C", "POSIX", "C.UTF-8", "xx_YY", "de_DE.ISO-8859-1", "nonsense"),
    "LC_ALL": ("C", "xx_YY.UTF-9", "en_US.UTF-8"),
    "PYTHONIOENCODING": ("ascii", "latin-1", "utf-16", "utf-8:strict"),
    "PYTHONUTF8": ("0", "1"),
    "PYTHONCOERCECLOCALE": ("0",),
    "HOME": ("", "/nonexistent", "/proc", "/dev/null"),
    "TMPDIR": ("/nonexistent", "/proc", ""),
    "PATH": ("", "/nonexistent"),
    "COLUMNS": ("0", "-1", "x", "99999"),
    "TERM": ("", "dumb", "nonsense"),
    "NO_COLOR": ("1",),
    "TZ": ("", "Nowhere/Never", "UTC"),
    "HF_HOME": ("/nonexistent", "/dev/null"),
    "FTCTL_WORKSPACE": ("/nonexistent/w", "/dev/null", "/proc/w", "w", ""),
    "FTCTL_PLUGINS": ("nosuch", ",,,"),
    "FTCTL_NO_PLUGINS": ("tuners", "x"),
    "FTCTL_PLUGIN_SECONDS": ("0", "x", "1"),
    "FTCTL_ENVIRONMENTS": ("/nonexistent", "/dev/null"),
    "FTCTL_DEBUG": ("",),
    "OMP_NUM_THREADS": ("0", "-1", "x"),
}
COMMANDS = (
    *(("run", "--dry-run"), ("run", "run.yaml", "--dry-run", "--json"), ("data", "rows.jsonl"), ("data", "list")),
    *(("runs",), ("plugins",), ("env",), ("config", "validate", "run.yaml"), ("config", "show"), ("--help",)),
)


def ended(number: int, folder: Path) -> tuple[int, str]:
    """Run the case, and return its exit code and what describes it."""
    draw = random.Random(f"environment/{number}")
    names = draw.sample(sorted(VARIABLES), draw.randrange(1, 5))
    variables = minimal_environment() | {name: draw.choice(VARIABLES[name]) for name in names}
    for name in draw.sample(sorted(variables), draw.randrange(0, 3)):
        variables.pop(name)
    closed = draw.choice(((), (), (), (0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)))
    files = draw.choice((None, None, None, 24, 64))
    mask = draw.choice((0o022, 0, 0o777))
    command = draw.choice(COMMANDS)

    def prepare() -> None:
        os.umask(mask)
        for handle in closed:
            os.close(handle)
        if files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    done = subprocess.run(
        [sys.executable, "-P", "-m", "ftctl_adapters.cli", *command],
        cwd=folder, env=variables, capture_output=True, check=False, preexec_fn=prepare, timeout=120,
    )  # fmt: skip
    said = done.stderr.decode(errors="replace")
    odd = {name: variables.get(name) for name in names}
    return done.returncode, f"{command} {odd} closed {closed} files {files} umask {mask:o}: {said[-300:]}"
