"""A plugin of each port, as ``ftctl plugins new`` writes it: installed, tested, listed, checked, and in one run."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ftctl.plugin.offer import PORTS
from tests.docs.shell import documented
from tests.outsiders.conftest import ROOT, Venv

pytestmark = pytest.mark.outsiders
GUIDE = ROOT / "docs" / "how-to" / "plugin.md"
RUN = """
model: builtin:tiny
data_source: {use: my-data-source, path: rows.txt, split: {validation: 0.1, test: 0.1}}
tuner: {use: my-tuner, max_steps: 10, per_device_train_batch_size: 8, max_length: 128}
evaluators: [{use: my-evaluator}]
compressor: {use: my-compressor}
server: {use: my-server}
monitors: [{use: my-monitor}]
"""


def project(port: str) -> str:
    return f"ftctl-my-{port.replace('_', '-')}"


@pytest.fixture(scope="module")
def house(venv: Callable[..., Venv], tmp_path_factory: pytest.TempPathFactory) -> tuple[Venv, Path]:
    """An environment in which a plugin of each port was made and installed, and the folder that they lie in."""
    made, folder = venv("hf", "serve", "testing"), tmp_path_factory.mktemp("plugins")
    for port in PORTS:
        named = {"PORT": port, "NAME": f"my-{port.replace('_', '-')}"}
        made.run("ftctl", *documented("how-to/plugin.md", "plugins new", named), cwd=folder)
    made.run("pip", "install", "-q", *(arg for port in PORTS for arg in ("-e", project(port))), cwd=folder)
    return made, folder


@pytest.mark.parametrize(
    "port", [pytest.param(port, marks=pytest.mark.nightly) if port == "tuner" else port for port in PORTS]
)
def test_it_keeps_its_contract_untouched(house: tuple[Venv, Path], port: str) -> None:
    made, folder = house
    told = made.run("pytest", "-q", "-W", "error::pytest.PytestWarning", cwd=folder / project(port))
    assert " passed" in told
    assert "failed" not in told
    name = f"my-{port.replace('_', '-')}"
    tests = folder / project(port) / "tests" / "test_contract.py"
    shown = documented("how-to/plugin.md", "plugins check", {"NAME": name})
    checked = json.loads(made.run("ftctl", *shown, "--tests", tests, "--json", cwd=folder))
    assert checked["kept"]
    assert (checked["port"], checked["dist"]) == (port, project(port))
    assert {one["outcome"] for one in checked["tests"]} <= {"passed", "skipped"}


def test_all_are_listed(house: tuple[Venv, Path]) -> None:
    made, folder = house
    rows = json.loads(made.run("ftctl", "plugins", "list", "--json", cwd=folder))
    mine = {row["port"]: row for row in rows if row["dist"].startswith("ftctl-my-")}
    assert set(mine) == set(PORTS)
    assert {row["status"] for row in mine.values()} == {"ready"}
    assert {row["version"] for row in mine.values()} == {"0.1.0"}


def test_one_that_breaks_its_contract_is_code_6(house: tuple[Venv, Path]) -> None:
    made, folder = house
    backend = folder / project("evaluator") / "src" / "ftctl_my_evaluator" / "backend.py"
    good = backend.read_text()
    backend.write_text(good.replace('unit="share"', 'unit=""'))
    try:
        told = made.run("ftctl", "plugins", "check", "my-evaluator", cwd=folder, fails=True)
    finally:
        backend.write_text(good)
    assert "✗ test_every_metric_says_what_it_is  AssertionError: contained has no unit" in told


def test_all_take_part_in_one_run(house: tuple[Venv, Path], tmp_path: Path) -> None:
    """The server is filled in first, by the block of the guide: as it is written, it repeats what it is told."""
    made, folder = house
    (block,) = re.findall(r"```python\n# the server's launch\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    backend = folder / project("server") / "src" / "ftctl_my_server" / "backend.py"
    head = backend.read_text().partition("    def launch(")[0]
    backend.write_text(head + block)
    rows = (f"What is {n} plus {n}?\tIt is {2 * n}." for n in range(100))
    (tmp_path / "rows.txt").write_text("\n".join(rows))
    (tmp_path / "run.yaml").write_text(RUN)
    done = json.loads(made.run("ftctl", "run", "run.yaml", "--once", "--json", cwd=tmp_path))
    used = {stage["plugin"] for stage in done["stages"]}
    assert {f"my-{name}" for name in ("data-source", "tuner", "evaluator", "compressor", "server")} <= used
    assert done["status"] == "done"
    assert set(done["metrics"]["tuned"]) == {"contained"}
    (written,) = (tmp_path / ".ftctl" / "runs").glob("*/metrics.csv")
    assert "contained" in written.read_text()
