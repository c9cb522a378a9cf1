"""Combinations that the matrix of the docs calls tested are, each from data to a verified server."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ftctl
from tests.functional.small import small_run

pytestmark = [pytest.mark.heavy, pytest.mark.backends]
ROOT = Path(__file__).parents[2]
HERE = str(Path(__file__).relative_to(ROOT))
TESTED = tomllib.loads((ROOT / "docs/reference/combinations.toml").read_text())["tested"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("combinations")
    small_run(folder)
    return folder


@pytest.mark.parametrize(
    "combination",
    [one for one in TESTED if one["by"] == HERE],
    ids=lambda one: f"{one['tuner']}-{one['compressor']}-{one['server']}",
)
def test_a_combination_reaches_a_verified_server(
    ftctl: Ftctl, workspace: Path, environment: Callable[[str], None], combination: dict[str, Any]
) -> None:
    if combination["server"] == "onnx":
        environment("onnx")
    named = [f"--{port}={combination[port]}" for port in ("compressor", "server")]
    if combination["tuner"] != "lora":
        given = ("max_steps=8", "max_length=256", "per_device_train_batch_size=8", "learning_rate=3e-3")
        named += [f"--tuner={combination['tuner']}", *(f"--set=tuner.{setting}" for setting in given)]
    done = ftctl("run", "run.yaml", "--once", "--json", *named, cwd=workspace)
    assert done.returncode == 0, done.stderr[-3000:]
    stages = {stage["name"]: stage["status"] for stage in json.loads(done.stdout)["stages"]}
    assert stages["verify"] == "done"
    assert ("compress" in stages) == (combination["compressor"] != "none")
