"""Build an environment from its recipe, step by step and resumable; usable only when complete."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import evolve, frozen

from ftctl.errors import BackendFailed, DiskFull, RunBusy, UsageError
from ftctl_adapters.environments.environment_folder import BEGUN, FILLED, EnvironmentFolder, Record
from ftctl_adapters.environments.recipe import Recipe
from ftctl_adapters.environments.wheel import fingerprint, repack
from ftctl_adapters.process.spawned_group import SpawnedGroup

Tell = Callable[[str], None]
TAIL_LINES = 15
GRACE_SECONDS = 5.0
POLL_SECONDS = 0.2
INSTALLERS = ("PIP_", "UV_", "HTTP", "http", "NO_PROXY", "no_proxy", "SSL_", "REQUESTS_", "CURL_")
"""Beginnings of variables by which an installer finds its index."""


@frozen
class Builder:
    """Builder with pip or uv; ``tell`` receives each step."""

    tell: Tell = lambda _: None
    uv: bool = False

    def build(self, recipe: Recipe, place: EnvironmentFolder, *, recreate: bool = False) -> Record:
        """Return the record of a complete environment that holds this ftctl.

        One that is there stays; one whose recipe has changed, or that somebody asked to make again, is built from
        nothing; one that was interrupted goes on.

        Raises:
            BackendFailed: a step failed; its last lines are in the details.
            UsageError: uv was asked for and is not there.
            RunBusy: another process builds it.
            DiskFull: less room than the recipe is known to take.
        """
        if self.uv and shutil.which("uv") is None:
            raise UsageError("uv is not on PATH", next_step="install it, or leave --uv out")
        with locked(place):
            found = place.record()
            if recreate or (found and found.recipe != recipe.digest):
                self.tell("removing the old one")
                place.remove()
                found = None
            if found and found.ftctl == fingerprint():
                return found
            started = time.monotonic()
            # from here on it is checked anew: one that fails must not be used
            place.retract()
            if not place.reached(FILLED, recipe.digest):
                _refuse_little_room(recipe, place)
                self._fill(recipe, place)
            self._install_ftctl(place)
            self.check(recipe, place)
            packages = self._versions(place)
            seconds = found.seconds if found else round(time.monotonic() - started, 1)
            record = Record(recipe.digest, recipe.variant, fingerprint(), recipe.variables, packages, seconds)
            place.commit(record)
            return record

    def renew(self, place: EnvironmentFolder) -> None:
        """Replace the ftctl in an environment by this one; waits for another process doing so.

        Raises:
            BackendFailed: it could not be installed; the next one to enter tries again.
        """
        with locked(place, wait=True):
            record = place.record()
            if record is None or record.ftctl == fingerprint():
                return
            # whoever plans meanwhile finds it, and whoever enters it waits
            place.commit(evolve(record, ftctl=""))
            self._install_ftctl(place)
            place.commit(evolve(record, ftctl=fingerprint()))

    def _fill(self, recipe: Recipe, place: EnvironmentFolder) -> None:
        if not place.reached(BEGUN, recipe.digest):
            place.remove()
            place.path.mkdir(parents=True)
            self.tell("making a virtual environment")
            venv = ["uv", "venv", "--seed", "--python", sys.executable] if self.uv else [sys.executable, "-m", "venv"]
            self._run(place, [*venv, str(place.path / "venv")])
            place.note(BEGUN, recipe.digest)
        self.tell(f"installing {', '.join(recipe.packages)}")
        self._run(place, [*self._pip(place, "install"), *recipe.packages, *_pinned(recipe, place)])
        if recipe.remove:
            self.tell(f"taking out {', '.join(recipe.remove)}")
            yes = [] if self.uv else ["--yes"]
            self._run(place, [*self._pip(place, "uninstall"), *yes, *recipe.remove])
        place.note(FILLED, recipe.digest)

    def _install_ftctl(self, place: EnvironmentFolder) -> None:
        """Install ftctl's dependencies, then ftctl itself over any copy of the same version."""
        self.tell("installing this ftctl")
        again = ["--reinstall-package", "ftctl"] if self.uv else ["--force-reinstall"]
        with tempfile.TemporaryDirectory(prefix="ftctl-wheel-") as folder:
            wheel = str(repack(Path(folder)))
            self._run(place, [*self._pip(place, "install"), wheel])
            self._run(place, [*self._pip(place, "install"), *again, "--no-deps", wheel])
        self._run(place, [str(place.python), "-c", "import ftctl.worker.work, ftctl_adapters, ftctl_plugins"])

    def check(self, recipe: Recipe, place: EnvironmentFolder) -> None:
        """Run the recipe's check.

        Raises:
            BackendFailed: it failed.
        """
        self.tell("checking it")
        self._run(place, [str(place.python), "-c", recipe.check], recipe.variables)

    def _versions(self, place: EnvironmentFolder) -> dict[str, str]:
        listing = subprocess.run(
            [str(place.python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
            capture_output=True,
            text=True,
            check=True,
        )
        return {entry["name"]: entry["version"] for entry in json.loads(listing.stdout)}

    def _pip(self, place: EnvironmentFolder, verb: str) -> list[str]:
        if self.uv:
            return ["uv", "pip", verb, "--python", str(place.python)]
        quiet = ["--disable-pip-version-check", "--no-input"]
        return [str(place.python), "-m", "pip", verb, *quiet, *(["--progress-bar", "off"] * (verb == "install"))]

    def _run(self, place: EnvironmentFolder, argv: list[str], variables: dict[str, str] | None = None) -> None:
        """Run one step with its output in the log, in processes that end with this one."""
        with place.log.open("a", encoding="utf-8") as log:
            log.write(f"+ {' '.join(argv)}\n")
        passed = {name: value for name, value in os.environ.items() if name.startswith(INSTALLERS)}
        group = SpawnedGroup(tuple(argv), place.log, passed | {"PYTHONPATH": ""} | (variables or {}))
        try:
            while (code := group.wait(POLL_SECONDS)) is None:
                pass
        finally:
            group.stop(GRACE_SECONDS)
        if code:
            last = place.log.read_bytes()[-8192:].decode(errors="replace").splitlines()[-TAIL_LINES:]
            raise BackendFailed(
                f"the environment {place.name!r} could not be built: {Path(argv[0]).name} ended with {code}",
                next_step=f"see {place.log}; the same command goes on",
                details=tuple(last),
            )


def _pinned(recipe: Recipe, place: EnvironmentFolder) -> list[str]:
    if not recipe.constraints:
        return []
    path = place.path / "constraints.txt"
    path.write_text("\n".join(recipe.constraints) + "\n", encoding="utf-8")
    return ["--constraint", str(path)]


def _refuse_little_room(recipe: Recipe, place: EnvironmentFolder) -> None:
    there = next(path for path in (place.path, *place.path.parents) if path.exists())
    free = shutil.disk_usage(there).free // 1_000_000
    if free < recipe.megabytes:
        text = f"the environment {place.name!r} takes about {recipe.megabytes:,} MB and {free:,} MB are free in {there}"
        raise DiskFull(text, next_step="free some space, or set FTCTL_ENVIRONMENTS to a folder elsewhere")


@contextlib.contextmanager
def locked(place: EnvironmentFolder, *, wait: bool = False) -> Iterator[None]:
    """Lock the environment; two builders would install over each other.

    Raises:
        RunBusy: another process holds it, and it was not to be waited for.
    """
    place.path.parent.mkdir(parents=True, exist_ok=True)
    with (place.path.parent / f".{place.name}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            lock.seek(0)
            text = f"the environment {place.name!r} is being built by process {lock.read().strip()}"
            raise RunBusy(text, next_step="wait for it") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
