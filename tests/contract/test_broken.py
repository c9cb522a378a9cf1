"""No test of a contract is vacuous: for each there is a backend that fails that one and no other."""

import os
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

from ftctl.testing.contracts import (
    CompressorContract,
    Contract,
    DataOperatorContract,
    DataSourceContract,
    EvaluatorContract,
    MonitorContract,
    ServerContract,
    TunerContract,
    capability,
)

BROKEN = sorted(Path(__file__).with_name("broken").glob("[a-z]*.py"))
ROOT = Path(__file__).parents[2]
PORTS = (
    *(CompressorContract, DataOperatorContract, DataSourceContract, EvaluatorContract, MonitorContract),
    *(ServerContract, TunerContract),
)


class Outcomes:
    """What became of each test, by class."""

    def __init__(self) -> None:
        self.failed: dict[str, set[str]] = defaultdict(set)
        self.passed: dict[str, set[str]] = defaultdict(set)

    def read(self, lines: IO[str]) -> None:
        """Take the lines that `RUN` printed."""
        with lines:
            for line in lines:
                if line.startswith("OUTCOME "):
                    _, state, owner, test = line.split()
                    (self.failed if state == "failed" else self.passed)[owner].add(test)


RUN = """
import sys
import pytest
class Told:
    def pytest_runtest_logreport(self, report):
        owner, _, test = report.nodeid.rpartition("::")
        owner = owner.rpartition("::")[2]
        state = "failed" if report.failed else "passed" if report.when == "call" and report.passed else ""
        if state:
            print("\\nOUTCOME", state, owner, test)
root, *paths = sys.argv[1:]
given = ["-q", "-p", "no:cacheprovider", "--rootdir", root, "-o", "addopts=--import-mode=importlib"]
pytest.main([*given, *paths], plugins=[Told()])
"""


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    """Outcomes of all broken backends; servers, which mostly wait, are tested beside the others."""
    found = Outcomes()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    groups = [[path for path in BROKEN if path.stem == "server"], [path for path in BROKEN if path.stem != "server"]]
    with ExitStack() as running:
        for paths in groups:
            command = [sys.executable, "-c", RUN, str(ROOT), *map(str, paths)]
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
            running.callback(process.wait)
            running.callback(found.read, process.stdout)
    return found


def contract_tests() -> set[str]:
    return {name for port in PORTS for base in port.__mro__ for name in vars(base) if name.startswith("test_")}


def subject(owner: str) -> str:
    """What a class is called after; a second one that fails the same test says how, behind two strokes."""
    return owner.partition("__")[0].replace("Test_", "test_", 1)


def test_there_is_a_broken_backend_for_every_test(outcomes: Outcomes) -> None:
    owners = outcomes.failed.keys() | outcomes.passed.keys()
    assert {subject(owner) for owner in owners} == contract_tests()


@pytest.mark.parametrize("test", sorted(contract_tests()))
def test_a_backend_that_is_broken_in_one_way_fails_one_test(outcomes: Outcomes, test: str) -> None:
    owners = [owner for owner in outcomes.failed if subject(owner) == test]
    assert owners
    for owner in owners:
        assert outcomes.failed[owner] == {test}, owner
        assert len(outcomes.passed[owner]) >= 5


def test_a_contracts_test_cannot_be_overridden() -> None:
    with pytest.raises(TypeError, match="overrides test_the_report_survives_json of its contract"):
        type("Mine", (EvaluatorContract,), {"test_the_report_survives_json": lambda self: None})


def test_a_contracts_test_cannot_be_overridden_by_a_mixin() -> None:
    mixin = type("Mixin", (), {"test_the_report_survives_json": lambda self: None})
    with pytest.raises(TypeError, match="overrides test_the_report_survives_json of its contract"):
        type("Mine", (mixin, EvaluatorContract), {})


def test_an_expected_failure_must_name_a_test() -> None:
    with pytest.raises(TypeError, match="names no test of its contract: test_nothing"):
        type("Mine", (EvaluatorContract,), {"expected_failures": {"test_nothing": "because"}})


def test_a_declared_capability_cannot_be_left_out() -> None:
    class Own(Contract, contract=True):
        @capability("resume")
        def test_it(self) -> None:
            pytest.skip("not today")

    with pytest.raises(pytest.fail.Exception, match="'resume' is declared, and its test was left out: not today"):
        Own().test_it()


def test_what_is_expected_to_fail_must_fail(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from ftctl.testing.contracts import Contract

        import pytest

        class Small(Contract, contract=True):
            @pytest.fixture
            def made(self): assert self.good
            def test_a(self, made): pass
            def test_b(self): pass

        class TestBad(Small):
            good = False
            expected_failures = {"test_a": "known"}

        class TestGood(Small):
            good = True
            expected_failures = {"test_a": "known"}
        """
    )
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(xfailed=1, passed=2, failed=1)
