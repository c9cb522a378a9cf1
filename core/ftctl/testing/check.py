"""Run the contract of one backend; print how many tests there are, then the result of each, as lines of JSON.

``python -m ftctl.testing.check CHECK``, where CHECK is a JSON object: ``port``, ``name``, ``values``, and ``python``,
the interpreter of a server; or ``tests``, a file of tests of one's own. Needs ``ftctl[testing]``.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.interpreter import Interpreter
from ftctl.testing import contracts

MODULE = """
from ftctl.testing.check import contract_of
Test = contract_of({check!r})
"""


def contract_of(check: dict[str, Any]) -> type:
    """Return the contract of the port, with the backend and its options filled in."""
    base = getattr(contracts, "".join(part.capitalize() for part in check["port"].split("_")) + "Contract")
    given: dict[str, Any] = {"offer": check["name"], "values": check["values"]}
    if check["port"] == "server":
        given["python"] = Interpreter(check["python"])
    if check["port"] == "evaluator":
        given["between"] = None
    return type("Test", (base,), {name: _fixture(name, value) for name, value in given.items()})


def _fixture(name: str, value: Any) -> Any:
    @pytest.fixture(name=name)
    def given(_self: Any) -> Any:
        return value

    return given


class _Teller:
    """Prints the result of each test as soon as it is known."""

    def __init__(self) -> None:
        self._out, self.finished = sys.__stdout__, 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        print(json.dumps({"collected": len(session.items)}), file=self._out, flush=True)

    def pytest_runtest_logfinish(self) -> None:
        self.finished += 1

    def ended(self, code: int) -> int:
        """Tell how many tests came to their end, and return pytest's exit code."""
        print(json.dumps({"finished": self.finished}), file=self._out, flush=True)
        return code

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self._tell(report.nodeid.rpartition("::")[2], _outcome(report), _why(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._tell(report.nodeid, "failed", str(report.longrepr).strip().rpartition("\n")[2])

    def _tell(self, test: str, outcome: str, why: str) -> None:
        print(json.dumps({"test": test, "outcome": outcome, "why": why}), file=self._out, flush=True)


def _outcome(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "known" if report.skipped else "failed"
    return report.outcome


def _why(report: pytest.TestReport) -> str:
    """Return the reason of a skip or a failure in one line."""
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail)
    if report.skipped and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return crash.message.partition("\n")[0] if crash else str(report.longrepr or "").strip().rpartition("\n")[2]


def main(check: dict[str, Any]) -> int:
    """Run the tests; return pytest's exit code."""
    teller = _Teller()
    quiet = ["-p", "no:terminal", "-p", "no:cacheprovider", "-W", "default"]
    if check.get("tests"):
        return teller.ended(int(pytest.main([*quiet, check["tests"]], plugins=[teller])))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_contract.py").write_text(MODULE.format(check=check), encoding="utf-8")
        return teller.ended(int(pytest.main([*quiet, "--rootdir", folder, folder], plugins=[teller])))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
