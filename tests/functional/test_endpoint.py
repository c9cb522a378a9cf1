"""A server that is there already is measured: what is asked twice, what is not, and what too many errors lead to."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.serving.target import SENTENCE
from tests.conftest import Ftctl
from tests.functional.small import small_run
from tests.openai_server import FakeService, serving

TINY = str(BUILTIN["builtin:tiny"])


def question(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


@pytest.fixture
def service() -> Iterator[FakeService]:
    with serving(FakeService(lambda body: question(body).upper())) as running:
        yield running


def run_file(folder: Path, service: FakeService, **more: Any) -> Path:
    """Measures the server, and names no model."""
    path = small_run(folder, evaluators=["text-metrics"], endpoint={"url": service.url, "concurrency": 2, **more})
    path.write_text(path.read_text().replace("model: builtin:tiny\n", ""))
    return path


def samples(folder: Path, document: dict[str, Any], evaluator: str = "text-metrics") -> list[dict[str, Any]]:
    made = document["stages"][-1]["artifact"]
    lines = (folder / ".ftctl" / "artifacts" / made / f"{evaluator}.samples.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_server_is_measured_and_asked_anew_the_next_time(ftctl: Ftctl, service: FakeService, tmp_path: Path) -> None:
    run_file(tmp_path, service)
    first = ftctl("evaluate", "run.yaml", "--json")
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    records = samples(tmp_path, document)
    assert records
    assert all(record["answer"] == record["prompt"].upper() for record in records)
    assert document["metrics"]["served"]["exact_match"]["n"] == len(records)
    asked = len(service.bodies)
    again = json.loads(ftctl("evaluate", "run.yaml", "--json").stdout)
    assert [stage["status"] for stage in again["stages"]] == ["cached", "done"], "its model may be another now"
    assert len(service.bodies) == 2 * asked
    plan = json.loads(ftctl("evaluate", "run.yaml", "--dry-run", "--json").stdout)
    assert [stage["name"] for stage in plan["stages"]] == ["data", "evaluate-served"]


def test_missing_answers_are_told_or_end_it_and_the_next_try_asks_for_them_alone(
    ftctl: Ftctl, service: FakeService, tmp_path: Path
) -> None:
    run_file(tmp_path, service, max_error_rate=0.0)
    probes = [None, None]
    service.faults = [*probes, 400]
    refused = ftctl("evaluate", "run.yaml", "--json")
    assert refused.returncode == 6
    assert re.search(r"1 of \d+ questions were not answered \(status 400\)", refused.stderr)
    assert json.loads(refused.stdout)["error"]["code"] == "unanswered"
    before = {question(body) for body in service.bodies}
    service.bodies.clear()
    document = json.loads(ftctl("evaluate", "run.yaml", "--json").stdout)
    assert document["status"] == "done"
    asked = {question(body) for body in service.bodies}
    assert len(asked - {SENTENCE}) == 1, "only what was not answered"
    assert asked < before
    run_file(tmp_path, service, max_error_rate=0.2)
    service.faults = [*probes, 400]
    document = json.loads(ftctl("evaluate", "run.yaml", "--json").stdout)
    records = samples(tmp_path, document)
    assert [record["error"] for record in records if "error" in record] == ["status 400"]
    assert document["metrics"]["served"]["exact_match"]["n"] == len(records) - 1
    assert "1 of" in (tmp_path / ".ftctl" / "runs" / document["run_id"] / "report.md").read_text()


def test_the_key_reaches_the_server_and_nothing_else(ftctl: Ftctl, service: FakeService, tmp_path: Path) -> None:
    run_file(tmp_path, service, key_env="SERVER_KEY")
    done = ftctl("evaluate", "run.yaml", "--json", env={"SERVER_KEY": "planted-key-of-the-test"})
    assert done.returncode == 0, done.stderr
    assert {headers.get("Authorization") for headers in service.headers} == {"Bearer planted-key-of-the-test"}
    for path in (tmp_path / ".ftctl").rglob("*"):
        assert not path.is_file() or b"planted-key" not in path.read_bytes(), path
    missing = ftctl("evaluate", "run.yaml")
    assert missing.returncode == 2
    assert "the environment variable SERVER_KEY is not set" in missing.stderr


def test_answers_of_one_model_are_not_those_of_the_next(ftctl: Ftctl, service: FakeService, tmp_path: Path) -> None:
    run_file(tmp_path, service, max_error_rate=0.0)
    service.faults = [None, None, 400]
    assert ftctl("evaluate", "run.yaml").returncode == 6
    service.model, service.answer = "another", lambda body: "another answer"
    document = json.loads(ftctl("evaluate", "run.yaml", "--json").stdout)
    assert {record["answer"] for record in samples(tmp_path, document)} == {"another answer"}


def test_figures_of_one_model_are_not_those_of_the_next(ftctl: Ftctl, service: FakeService, tmp_path: Path) -> None:
    """What was done before the stage failed is kept, for this model alone."""
    path = run_file(tmp_path, service, max_error_rate=0.0)
    evaluators = ("--set", "evaluators=[text-metrics, prompt-leak]")
    rows = json.loads(ftctl("evaluate", path.name, "--json").stdout)["metrics"]["served"]["exact_match"]["n"]
    service.bodies.clear()
    service.faults = [None] * (2 + rows) + [400]
    assert ftctl("evaluate", path.name, *evaluators).returncode == 6
    assert len({question(body) for body in service.bodies} - {SENTENCE}) > rows, "the second evaluator was at it"
    service.model, service.answer = "another", lambda body: "another answer"
    document = json.loads(ftctl("evaluate", path.name, *evaluators, "--json").stdout)
    assert {record["answer"] for record in samples(tmp_path, document)} == {"another answer"}


@pytest.mark.heavy
def test_missing_scores_are_told_or_end_it(ftctl: Ftctl, service: FakeService, tmp_path: Path) -> None:
    tokenizer = ChatTokenizer(TINY)
    lost: list[list[int]] = []

    def completed(body: dict[str, Any]) -> dict[str, Any]:
        ids, text = body["prompt"], tokenizer.decode(body["prompt"])
        if not lost and not text.startswith(SENTENCE):
            lost.append(ids)
        scores = [None, *[None if ids in lost else -1.0] * len(ids)]
        return {"text": f"{text} x", "logprobs": {"token_logprobs": scores}}

    service.completed = completed
    for allowed, code in ((0.0, 6), (0.4, 0)):
        path = run_file(tmp_path, service, tokenizer=TINY, max_error_rate=allowed)
        done = ftctl("evaluate", path.name, "--set", "evaluators=[perplexity]", "--json")
        assert done.returncode == code, done.stderr
        if code:
            assert re.search(r"1 of \d+ questions were not scored \(a token without a log-probability\)", done.stderr)
    document = json.loads(done.stdout)
    found = samples(tmp_path, document, "perplexity")
    assert [one["error"] for one in found if "error" in one] == ["a token without a log-probability"]
    metric = document["metrics"]["served"]["perplexity"]
    assert (metric["n"], round(metric["value"], 4)) == (len(found) - 1, 2.7183)


def test_the_command_line_takes_an_address_as_verify_does(ftctl: Ftctl, service: FakeService, tmp_path: Path) -> None:
    small_run(tmp_path, evaluators=["text-metrics"], server="transformers", evaluate_served=True)
    bare = service.url.removesuffix("/v1")
    told = ftctl("evaluate", "run.yaml", "--endpoint", bare, "--set", "endpoint.concurrency=2", "--dry-run")
    assert told.returncode == 0, told.stderr
    assert f"model {service.url}: as it is served" in told.stdout
    assert "trained parameters" not in told.stdout


@pytest.mark.parametrize("looked", [True, False])
def test_a_report_shows_no_personal_data_where_it_was_looked_for(
    ftctl: Ftctl, service: FakeService, tmp_path: Path, looked: bool
) -> None:
    """Nor in the names of slices, of which the notes tell the one that is answered worse."""
    mail, owner = "anna.schmidt@example.org", "boss@town.example"
    rows = [{"messages": [{"role": "user", "content": f"Question {n}{'!' * (n % 2)}?"},
                          {"role": "assistant", "content": mail}],
             "metadata": {"owner": owner if n % 2 else "nobody"}} for n in range(60)]  # fmt: skip
    path = run_file(tmp_path, service)
    service.answer = lambda body: f"Not I, I fear. Ask {mail}." if "!" in question(body) else mail
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = "data_source={use: jsonl, path: rows.jsonl, split: {validation: 0.1, test: 0.6}}"
    evaluators = f"evaluators=[text-metrics, {{use: shift, by: [owner], fewest: 5}}{', pii' * looked}]"
    done = ftctl("evaluate", path.name, "--set", source, "--set", evaluators, "--json")
    assert done.returncode == 0, done.stderr
    folder = Path(json.loads(done.stdout)["report"]).parent
    for name in ("report.md", "report.html", "report.json"):
        text = (tmp_path / folder / name).read_text(encoding="utf-8")
        assert (mail in text) == (not looked and name != "report.json"), name
        assert ("Ask [EMAIL]" in text) == (looked and name != "report.json"), name
        assert (owner in text) == (not looked), name
        assert ("owner [EMAIL]" in text) == looked, name
