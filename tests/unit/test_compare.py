"""Two evaluations beside each other: real differences are shown, chance is not, and nothing is paired that is not."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from ftctl.application.run_result import RunResult
from ftctl.domain.artifact import Draft, Lineage
from ftctl.domain.example import Prompt
from ftctl.errors import UsageError
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.report.comparison import compare
from ftctl_adapters.store.artifact_store import DiskArtifactStore
from ftctl_plugins.evaluators.safety.jailbreak import Jailbreak, JailbreakOptions
from tests.answering import Ruled, comply, refuse
from tests.conftest import Ftctl


def report(folder: Path, right: float, count: int = 200, seed: int = 0, prefix: str = "t") -> Path:
    """An evaluation of so many examples, of which this share is right."""
    draw = random.Random(seed)
    folder.mkdir(parents=True)
    records: list[dict[str, Any]] = []
    for number in range(count):
        hit = float(draw.random() < right)
        told = {"prompt": f"What is {number}?", "expected": "x", "answer": "x" if hit else "y"}
        figures = {"exact_match": hit, "f1": hit * 0.9 + draw.random() / 10}
        records.append({"where": f"{prefix}:{number}", **told, **figures})
    (folder / "text-metrics.samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    (folder / "text-metrics.json").write_text("{}")
    return folder


def test_a_real_difference_is_shown_with_its_interval(tmp_path: Path) -> None:
    found = compare(report(tmp_path / "a", 0.4), report(tmp_path / "b", 0.7, seed=1))
    exact, f1 = found.differences
    assert (exact.name, f1.name, exact.n) == ("exact_match", "f1", 200)
    for one in (exact, f1):
        assert one.verdict == "higher"
        assert 0.1 < one.low < one.delta < one.high < 0.5
        assert one.p <= one.adjusted < 0.001
    assert found.changed[0]["delta"] in (1.0, -1.0)
    assert {found.changed[0]["before"], found.changed[0]["after"]} == {"x", "y"}


def test_examples_that_changed_in_most_figures_stand_first(tmp_path: Path) -> None:
    """A figure with a large scale does not crowd the others out, and no example is shown twice."""
    for name, shift in (("a", 0.0), ("b", 1.0)):
        records = [{"where": f"t:{n}", "prompt": f"{n}?", "answer": name, "exact_match": shift * (n in (3, 4)),
                    "log_probability": -50.0 - shift * n} for n in range(20)]  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    changed = compare(tmp_path / "a", tmp_path / "b").changed
    assert [one["where"] for one in changed[:2]] == ["t:4", "t:3"]
    assert changed[0]["figure"] == "exact_match"
    assert len({one["where"] for one in changed}) == len(changed) == 5


def test_a_jailbreak_before_and_after_is_compared_by_attacks(tmp_path: Path) -> None:
    """One attack in eight settings is one: what a tuned model gives away, with its interval over 24 attacks."""
    places = [case.where for case in Jailbreak(JailbreakOptions()).cases("attack")]
    fallen = set(places[:12])
    answers = {"base": refuse, "tuned": lambda prompt: comply(prompt) if asked(prompt) in fallen else refuse(prompt)}
    cases = {(case.prompt.messages[0].content, case.prompt.question): case.where
             for case in Jailbreak(JailbreakOptions()).cases("attack")}  # fmt: skip

    def asked(prompt: Prompt) -> str:
        return cases.get((prompt.messages[0].content, prompt.question), "")

    for name, says in answers.items():
        (tmp_path / name).mkdir()
        told = Jailbreak(JailbreakOptions()).evaluate(Ruled(says), [], recording(tmp_path / f"{name}-run"))
        lines = [json.dumps(record) + "\n" for record in told.records]
        (tmp_path / name / "jailbreak.samples.jsonl").write_text("".join(lines))
    found = {one.name: one for one in compare(tmp_path / "base", tmp_path / "tuned").differences}
    success = found["attack_success"]
    assert (success.n, success.before, success.delta) == (24, 0.0, 12 / len(places))
    assert success.low < success.delta < success.high
    assert success.p < 0.05
    # an older evaluation of the base did not know of clusters
    path = tmp_path / "base" / "jailbreak.samples.jsonl"
    records = map(json.loads, path.read_text().splitlines())
    plain = [{key: value for key, value in record.items() if key != "cluster"} for record in records]
    path.write_text("".join(json.dumps(record) + "\n" for record in plain))
    for one, other in (("base", "tuned"), ("tuned", "base")):
        again = {told.name: told for told in compare(tmp_path / one, tmp_path / other).differences}["attack_success"]
        assert (again.n, again.p) == (24, success.p)


def test_chance_is_rarely_a_difference(tmp_path: Path) -> None:
    alarms = 0
    for seed in range(20):
        one, other = (report(tmp_path / f"{seed}{side}", 0.5, 60, 1000 * side + seed) for side in (1, 2))
        alarms += any(each.verdict != "no difference shown" for each in compare(one, other).differences)
    assert alarms <= 3


def test_only_what_both_have_is_compared(tmp_path: Path) -> None:
    one, other = report(tmp_path / "a", 0.5, 30), report(tmp_path / "b", 0.5, 40)
    found = compare(one, other)
    assert (found.differences[0].n, found.unpaired) == (30, 10)
    with pytest.raises(UsageError, match="no example was measured in both"):
        compare(one, report(tmp_path / "c", 0.5, prefix="other"))


def test_runs_are_compared_by_their_names(ftctl: Ftctl, tmp_path: Path) -> None:
    store = DiskArtifactStore(tmp_path / ".ftctl")
    made = {name: store.commit(report(tmp_path / name, share, seed=place), Draft("report", "ftctl-report"), Lineage())
            for place, (name, share) in enumerate((("base", 0.2), ("tuned", 0.8)))}  # fmt: skip
    stages = [{"name": stage, "plugin": "text-metrics", "status": "done", "artifact": f"report/{made[name].digest}"}
              for stage, name in (("baseline", "base"), ("evaluate", "tuned"))]  # fmt: skip
    (tmp_path / ".ftctl" / "runs" / "lora-1234").mkdir(parents=True)
    (tmp_path / ".ftctl" / "runs" / "lora-1234" / "run.json").write_text(
        json.dumps(RunResult("lora-1234", "done", stages=stages).document())
    )
    done = ftctl("compare", "lora-1234", "--json")
    assert done.returncode == 0, done.stderr
    exact = json.loads(done.stdout)["differences"][0]
    assert (exact["name"], exact["verdict"], exact["n"]) == ("exact_match", "higher", 200)
    text = ftctl("compare", "lora-1234:tuned", "lora-1234:base").stdout
    assert "lower" in text
    assert "before: x" in text
    several = json.loads(ftctl("compare", "lora-1234:base", "lora-1234:tuned", "lora-1234:base", "--json").stdout)
    assert several["before"] == "lora-1234:base"
    assert list(several["comparisons"]) == ["lora-1234:tuned", "lora-1234:base"]
    whole = several["comparisons"]["lora-1234:tuned"]["differences"][0]
    # twice as many figures are looked at
    assert (whole["verdict"], whole["adjusted"]) == ("higher", pytest.approx(2 * exact["adjusted"]))
    twice = ftctl("compare", "lora-1234:base", "lora-1234:tuned", "lora-1234:tuned")
    assert (twice.returncode, "named twice" in twice.stderr) == (2, True)
    for wrong, said in (("lora-1234:compressed", "was not measured"), ("lora-1234:best", "no model is called 'best'"),
                        ("lora-9", "no run 'lora-9'")):  # fmt: skip
        refused = ftctl("compare", "lora-1234", wrong)
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr


def test_a_figure_that_one_example_lacks_is_compared_over_the_others(tmp_path: Path) -> None:
    """And what says which group an example is of is no figure."""
    for name, shift in (("a", 0.0), ("b", 1.0)):
        records: list[dict[str, Any]] = [{"where": f"t:{n}", "prompt": f"{n}?", "group": n % 3, "template": n,
                                          "judge_win_rate": shift} for n in range(20)]  # fmt: skip
        if name == "b":
            del records[4]["judge_win_rate"]
        (tmp_path / name).mkdir()
        (tmp_path / name / "judge.samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    (found,) = compare(tmp_path / "a", tmp_path / "b").differences
    assert (found.name, found.n, found.delta) == ("judge_win_rate", 19, 1.0)
