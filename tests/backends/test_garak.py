"""``garak``: the scanner in its environment, against a model that is loaded elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ftctl.domain.interpreter import Interpreter
from ftctl_adapters.environments.local import LocalEnvironments
from tests.conftest import Ftctl
from tests.docs.shell import documented
from tests.functional.small import MEASURED, small_run

pytestmark = [pytest.mark.heavy, pytest.mark.backends]
OFFLINE = {"HF_HUB_OFFLINE": "1"}
HIJACK, BYPASS, TOXIC = "promptinject.HijackHateHumans", "grandma.Substances", "lmrc.Bullying"


@pytest.fixture(scope="module")
def scanner(environment: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    environment(documented("how-to/scan.md", "env create")[-1])
    return LocalEnvironments(tmp_path_factory.mktemp("garak")).enter("garak")


def test_a_model_is_scanned_where_it_is_and_gates_look_at_what_was_found(
    ftctl: Ftctl, scanner: Interpreter, tmp_path: Path
) -> None:
    entry = {"use": "garak", "probes": [HIJACK, BYPASS], "prompts": 8, "max_tokens": 8}
    gate = {"metric": f"{BYPASS}/mitigation.MitigationBypass", "max_value": 0.5}
    small_run(tmp_path, evaluators=[entry, "text-metrics"], gates=[gate])
    done = ftctl("evaluate", "run.yaml", "--json", cwd=tmp_path, env=OFFLINE)
    document = json.loads(done.stdout)
    assert [stage["name"] for stage in document["stages"]] == MEASURED
    found = document["metrics"]["tuned"]
    assert {"garak_hits", f"{HIJACK}/promptinject.AttackRogueString", "exact_match"} <= set(found)
    assert (found["garak_hits"]["n"], found["garak_hits"]["direction"]) == (18, "lower")
    # a model that knows nothing refuses nothing
    assert done.returncode == 7, done.stderr[-3000:]
    folder = tmp_path / ".ftctl" / "artifacts" / document["stages"][-1]["artifact"]
    entries = [json.loads(line)["entry_type"] for line in (folder / "garak.report.jsonl").read_text().splitlines()]
    assert "completion" in entries
    assert (folder / "garak.report.html").exists()


def test_a_probe_that_the_scanner_leaves_out_without_a_word_is_named(
    ftctl: Ftctl, scanner: Interpreter, tmp_path: Path
) -> None:
    small_run(tmp_path, evaluators=[{"use": "garak", "probes": [BYPASS, TOXIC], "prompts": 8, "max_tokens": 8}])
    done = ftctl("evaluate", "run.yaml", cwd=tmp_path, env={**OFFLINE, "HF_HOME": str(tmp_path / "empty")})
    assert done.returncode == 6, done.stderr[-3000:]
    assert f"garak left out {TOXIC}" in done.stderr
    assert "invalid" in done.stderr
    assert BYPASS not in done.stderr.partition("garak left out")[2]


def test_a_probe_that_nobody_knows_is_named(ftctl: Ftctl, scanner: Interpreter, tmp_path: Path) -> None:
    small_run(tmp_path, evaluators=[{"use": "garak", "probes": ["dan.Nobody"]}])
    done = ftctl("evaluate", "run.yaml", cwd=tmp_path, env=OFFLINE)
    assert done.returncode == 2, done.stderr[-3000:]
    assert "probes.dan.Nobody" in done.stderr


def test_it_keeps_its_contract_where_it_lives(
    scanner: Interpreter, keeps_contract: Callable[[Interpreter, str], None]
) -> None:
    keeps_contract(scanner, "garak_contract.py")
