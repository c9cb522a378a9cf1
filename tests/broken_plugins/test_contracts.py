"""The contract of each port finds each fault: the test that the docs name fails, or the check counts its tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.broken_plugins.by_port import OWN, all_faults
from tests.broken_plugins.fault import COUNTED, Fault
from tests.broken_plugins.modules import CONTRACT, MAIN, name_of, write

ROOT = Path(__file__).parents[2]
FOUND = [(port, fault) for port, fault in all_faults() if fault.contract != COUNTED]
ENDING = [(port, fault) for port, fault in all_faults() if fault.contract == COUNTED]

RUN = """
import sys
import pytest
class Told:
    finished = 0
    def pytest_collection_finish(self, session):
        print("\\nCOLLECTED", len(session.items), flush=True)
    def pytest_runtest_logfinish(self):
        self.finished += 1
    def pytest_runtest_logreport(self, report):
        if report.failed:
            print("\\nBROKEN", *report.nodeid.split("::")[1:], flush=True)
root, site, *nodes = sys.argv[1:]
sys.path.insert(0, site)
told = Told()
given = ["-q", "-p", "no:cacheprovider", "--rootdir", root, "-o", "addopts=--import-mode=importlib",
         "-o", "python_classes=odd_*", "-W", "ignore"]
pytest.main([*given, *nodes], plugins=[told])
print("\\nFINISHED", told.finished)
"""
FRESH = """
import pytest
from ftctl.plugin.process_state import ProcessState

@pytest.fixture(autouse=True)
def fresh():
    before = ProcessState.taken()
    yield
    before.restore()
"""
CLASS = """
class {name}({base}):
    change = {{"factory": "{name}:Backend", "options": "{name}:Options", "name": "odd", **{more}}}

    @pytest.fixture
    def offer(self):
        return "odd"
"""


def contracts(site: Path, chosen: list[tuple[str, Fault]]) -> Path:
    """Write modules and one file of contract classes."""
    bases = {port: CONTRACT[port].partition(":") for port, _ in chosen}
    lines = [FRESH, *(f"from tests.contract.broken.{module} import {name} as {name}_"
                                for module, _, name in bases.values())]  # fmt: skip
    for port, fault in chosen:
        name = write(site, port, fault)
        more = {"capabilities": ("splits",) if fault.base == "FakeSplit" else ("deduplicates",)} if fault.base else {}
        lines.append(CLASS.format(name=name, base=f"{bases[port][2]}_", more=more))
    lines += [f"del {name}_" for name in {name for _, _, name in bases.values()}]
    path = site / "test_odd.py"
    path.write_text("\n".join(lines))
    return path


def run(site: Path, nodes: list[str]) -> list[str]:
    command = [sys.executable, "-c", RUN, str(site), str(site), *nodes]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True).stdout.splitlines()


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Class and test of each failure: of every plugin, the test that should find it."""
    site = tmp_path_factory.mktemp("site")
    path = contracts(site, FOUND)
    lines = run(site, [f"{path}::{name_of(port, fault)}::{fault.contract}" for port, fault in FOUND])
    assert f"COLLECTED {len(FOUND)}" in lines, [line for line in lines if "no match" in line or "rror" in line][:9]
    return {(line.split()[1], line.split()[2]) for line in lines if line.startswith("BROKEN ")}


@pytest.mark.parametrize(("port", "fault"), FOUND, ids=[f"{port}-{fault.name}" for port, fault in FOUND])
def test_a_fault_is_found(failed: set[tuple[str, str]], port: str, fault: Fault) -> None:
    assert (name_of(port, fault), fault.contract) in failed


@pytest.mark.nightly
@pytest.mark.parametrize(("port", "fault"), ENDING, ids=[f"{port}-{fault.name}" for port, fault in ENDING])
def test_a_contract_that_was_ended_is_noticed(tmp_path: Path, port: str, fault: Fault) -> None:
    path = contracts(tmp_path, [(port, fault)])
    test = "test_it_leaves_the_process_as_it_was"
    lines = run(tmp_path, [f"{path}::{name_of(port, fault)}::{test}"])
    finished = [line for line in lines if line.startswith("FINISHED ")]
    assert "COLLECTED 1" in lines
    assert finished in ([], ["FINISHED 0"])


@pytest.mark.parametrize("port", OWN)
def test_the_fake_without_a_fault_keeps_these_tests(port: str, tmp_path: Path) -> None:
    """The failures above are of the faults alone."""
    good = Fault("good", "", "method", "pass", "", "")
    path = contracts(tmp_path, [(port, good)])
    own = [fault for other, fault in FOUND if other == port and not fault.base]
    tests = sorted({fault.contract for fault in own})
    lines = run(tmp_path, [f"{path}::{name_of(port, good)}::{test}" for test in tests])
    assert f"FINISHED {len(tests)}" in lines
    assert not [line for line in lines if line.startswith("BROKEN ")]
    assert MAIN[port]
