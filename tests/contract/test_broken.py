"""No test of a contract is vacuous: for each there is a backend that fails that one and no other."""

import contextlib
import io
import os
from collections import defaultdict
from pathlib import Path

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

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        owner, _, test = report.nodeid.rpartition("::")
        owner = owner.rpartition("::")[2]
        if report.failed:
            self.failed[owner].add(test)
        elif report.when == "call" and report.passed:
            self.passed[owner].add(test)


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    found = Outcomes()
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        given = ["-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), "-o", "addopts=--import-mode=importlib"]
        with contextlib.redirect_stdout(io.StringIO()):
            pytest.main([*given, *map(str, BROKEN)], plugins=[found])
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
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
