"""Clean virtual environments, into which ftctl is installed from its wheel as anybody would."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen

ROOT = Path(__file__).parents[2]
KEPT = (
    *("PATH", "HOME", "LANG", "OMP_NUM_THREADS"),
    *("PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "SSL_CERT_FILE", "https_proxy"),
)


@frozen
class Venv:
    """A virtual environment; what is run in it sees nothing of the one that runs the tests."""

    folder: Path

    def run(
        self, program: str, *arguments: str | Path, cwd: Path, fails: bool = False, env: dict[str, str] | None = None
    ) -> str:
        """Runs a program of the environment, and returns what it printed; it must fail if ``fails``."""
        bin_folder = self.folder / "bin"
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        done = subprocess.run(
            [bin_folder / program, *arguments],
            cwd=cwd,
            env={
                **kept,
                "PATH": f"{bin_folder}:{kept['PATH']}",
                "VIRTUAL_ENV": str(self.folder),
                "HF_HUB_OFFLINE": "1",
                **(env or {}),
            },
            capture_output=True,
            text=True,
            timeout=900,
        )
        told = f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        assert bool(done.returncode) == fails, f"{program} {' '.join(map(str, arguments))}: {done.returncode}\n{told}"
        return done.stdout

    def install(self, *packages: str | Path) -> None:
        """Without bytecode, most of which nobody would run: that is a third of the time."""
        self.run("pip", "install", "-q", "--no-compile", "--disable-pip-version-check", *packages, cwd=self.folder)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This ftctl."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(ROOT)]
    subprocess.run(command, check=True, cwd=out)
    return next(out.glob("ftctl-*.whl"))


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Callable[..., Venv]:
    """Makes an environment with ftctl and its extras: ``venv("testing", "hf")``."""

    def make(*extras: str) -> Venv:
        folder = tmp_path_factory.mktemp("venv")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        made = Venv(folder)
        made.install(f"{wheel}[{','.join(extras)}]")
        return made

    return make
