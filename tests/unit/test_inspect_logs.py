"""What is made of Inspect's logs; the framework itself is run by ``tests/backends/test_inspect_ai.py``."""

from pathlib import Path
from typing import Any

import pytest

from ftctl.errors import ConfigInvalid
from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.external.inspect_ai import InspectAI, InspectAIOptions
from ftctl_plugins.evaluators.external.inspect_checks import refuse_incomplete, refuse_self_graded
from ftctl_plugins.evaluators.external.inspect_logs import metrics, records

X = Path("/x")


def sample(place: int, value: Any, epoch: int = 1, **more: Any) -> dict[str, Any]:
    scores = {} if value is None else {"judge": {"value": value}}
    turns = [{"role": "user", "content": f"question {place}"}]
    output = {"choices": [{"message": {"content": [{"type": "text", "text": "answer"}]}}]}
    return {"id": place, "epoch": epoch, "input": "raw", "target": ["a", "b"], "messages": turns, "output": output,
            "scores": scores, **more}  # fmt: skip


def log(
    *samples: dict[str, Any], task: str = "t", file: str | None = "/x/tasks.py", **figures: float
) -> dict[str, Any]:
    told = {name: {"name": name, "value": value} for name, value in figures.items()}
    score = {"name": "judge", "scorer": "judge", "scored_samples": len(samples), "metrics": told}
    scorers = [{"name": "inspect_ai/includes", "options": {}}]
    ran = {"task": task, "task_file": file, "task_registry_name": task, "scorers": scorers}
    return {"status": "success", "eval": ran, "results": {"scores": [score]}, "samples": list(samples)}


def test_a_mean_of_shares_has_bounds_and_repeated_samples_count_as_what_they_are() -> None:
    told = log(*(sample(one, "C", epoch) for one in range(3) for epoch in (1, 2)), accuracy=1.0, stderr=0.0)
    (found,) = metrics(told, ())
    assert (found.name, found.value, found.unit, found.n) == ("t.judge.accuracy", 1.0, "share", 6)
    # three samples, not six: the lower bound of 3 of 3
    assert found.low == pytest.approx(0.2924, abs=1e-4)


@pytest.mark.parametrize(
    ("values", "figure"),
    [(("C", "I", "P", "N"), 0.375), ((1, 0, True, False), 0.5), ((0.25, 0.75, 0.5, 0.5), 0.5)],
)
def test_every_way_to_tell_a_share_is_read(values: tuple[Any, ...], figure: float) -> None:
    told = log(*(sample(place, value) for place, value in enumerate(values)), mean=figure)
    (found,) = metrics(told, ("t.judge.mean",))
    assert (found.value, found.unit, found.direction) == (figure, "share", "lower")
    assert [record["t.judge.mean"] for record in records(told, [found])] == [
        {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}.get(value, value) for value in values
    ]


def test_a_figure_that_is_no_mean_of_its_samples_stands_alone() -> None:
    told = log(sample(1, "C"), sample(2, "I"), best_of=1.0, stderr=0.25, std=0.7)
    (found,) = metrics(told, ())
    assert (found.unit, found.stderr, found.low, found.n) == ("figure", 0.25, None, 2)
    assert not any("t.judge.best_of" in record for record in records(told, [found]))


def test_one_scorer_tells_several_scores_by_their_names() -> None:
    told = log(sample(1, {"judge": 0.0, "other": 1.0}), sample(2, {"judge": 1.0, "other": 1.0}), mean=0.5)
    (found,) = metrics(told, ())
    assert (found.value, found.unit) == (0.5, "share")


def test_a_sample_is_told_with_its_question_its_answer_and_what_went_wrong() -> None:
    error = {"message": "the server\nis gone"}
    good, bad = records(log(sample(1, "C"), sample(2, None, error=error), accuracy=1.0), ())
    assert (good["where"], good["prompt"], good["expected"], good["answer"]) == (
        "t.1.1",
        "raw",
        "a\nb",
        "answer",
    )
    assert (bad["where"], bad["error"]) == ("t.2.1", "the server")


def test_samples_without_a_score_may_be_so_many_and_no_more() -> None:
    told = [log(sample(1, "C"), sample(2, float("nan")), sample(3, "I"))]
    refuse_incomplete(["/x/tasks.py@t"], told, X, 1)
    with pytest.raises(EvaluatorError, match=r"1 of 3 samples have no score: a scorer has not told"):
        refuse_incomplete(["/x/tasks.py@t"], told, X)
    with pytest.raises(EvaluatorError, match=r"1 of 1 samples have no score: no tools here"):
        refuse_incomplete(
            ["/x/tasks.py@t"], [log(sample(1, None, error={"message": "request " * 99}))], X, 1, ["no tools here"]
        )


@pytest.mark.parametrize(
    ("asked", "logs", "kind", "said"),
    [
        ("/x/tasks.py@other", [log(sample(1, "C"))], EvaluatorError, "did not run /x/tasks.py@other"),
        ("/y/tasks.py@t", [log(sample(1, "C"))], EvaluatorError, "did not run /y/tasks.py@t"),
        ("pack/other", [log(sample(1, "C"), file=None)], EvaluatorError, "did not run pack/other"),
        ("/x/tasks.py@t", [log(sample(1, "C")), log(sample(1, "C"))], ConfigInvalid, "several tasks are called t"),
        ("/x/tasks.py@t", [log()], EvaluatorError, "the task t has no scorer, or no sample"),
        ("/x/tasks.py@t", [log(sample(1, "C")) | {"status": "error", "error": {"message": "broke\nmore"}}],
         EvaluatorError, "the task t ended early: broke"),
    ],
)  # fmt: skip
def test_what_did_not_come_to_an_end_is_named(
    asked: str, logs: list[dict[str, Any]], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        refuse_incomplete([asked], logs, X, 9)


def test_a_scorer_that_asks_the_model_is_refused_whatever_it_is_called() -> None:
    spans = [("solvers", None, "s"), ("scorer", None, "j"), ("tool", "j", "k")]
    opened = [{"event": "span_begin", "type": kind, "parent_id": above, "id": name} for kind, above, name in spans]

    def judged(span: str, model: str) -> list[dict[str, Any]]:
        asked = {"event": "model", "span_id": span, "model": model}
        return [log(sample(1, "C", events=[*opened, {"event": "model", "span_id": "s", "model": "own"}, asked]))]

    refuse_self_graded(judged("s", "own"), "own")
    refuse_self_graded(judged("j", "other"), "own")
    for span in ("j", "k"):
        with pytest.raises(ConfigInvalid, match="would judge itself"):
            refuse_self_graded(judged(span, "own"), "own")


def test_a_score_that_is_missing_beside_others_is_missing() -> None:
    half = log(sample(1, {"judge": 1.0, "other": float("nan")}), sample(2, {"judge": 1.0, "other": 0.0}))
    with pytest.raises(EvaluatorError, match="1 of 2 samples have no score"):
        refuse_incomplete(["/x/tasks.py@t"], [half], X)
    two = log(sample(1, "C"))
    two["results"]["scores"].append({"name": "b", "scorer": "b", "scored_samples": 0, "metrics": {}})
    with pytest.raises(EvaluatorError, match="1 of 1 samples have no score"):
        refuse_incomplete(["/x/tasks.py@t"], [two], X, 1)
    lost, silent = log(sample(1, None, error={"message": ""}), task="u"), log(sample(1, "C"))
    with pytest.raises(EvaluatorError, match="1 of 2 samples have no score: no reason given"):
        refuse_incomplete(["/x/tasks.py@u", "/x/tasks.py@t"], [lost, silent], X, 1)


def test_ways_to_reduce_repeated_samples_have_names_and_groups_are_no_means_of_all() -> None:
    told = log(sample(1, "C"), sample(1, "I", epoch=2), accuracy=0.5)
    most = {**told["results"]["scores"][0], "reducer": "max", "metrics": {"accuracy": {"value": 1.0}}}
    told["results"]["scores"][0]["reducer"] = "mean"
    told["results"]["scores"].append(most)
    found = {metric.name: (metric.value, metric.unit) for metric in metrics(told, ())}
    assert found == {"t.judge.accuracy.mean": (0.5, "share"), "t.judge.accuracy.max": (1.0, "figure")}
    grouped = log(sample(1, "C"), sample(2, "C"), first=1.0)
    assert [metric.unit for metric in metrics(grouped, ())] == ["figure"]


def test_a_file_that_a_task_could_read_is_part_of_what_is_measured(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    task, rows = tmp_path / "tasks.py", tmp_path / "deep" / "rows.jsonl"
    task.write_text("1", encoding="utf-8")
    rows.write_text("{}", encoding="utf-8")
    evaluator = InspectAI(InspectAIOptions(tasks=(f"{task}@t",)))
    before = evaluator.fingerprint()
    (tmp_path / "notes.log").write_text("other", encoding="utf-8")
    assert evaluator.fingerprint() == before
    rows.write_text("{ }", encoding="utf-8")
    assert evaluator.fingerprint() != before
    with pytest.raises(EvaluatorError, match=r"inspect-ai\.tasks: cannot read .*gone\.py"):
        InspectAI(InspectAIOptions(tasks=(f"{tmp_path / 'gone.py'}@t",))).fingerprint()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tasks": ()}, r"inspect-ai\.tasks is empty"),
        ({"tasks": ("a.py@b",), "grader_model": "m"}, "has a model and an address"),
        ({"tasks": ("a.py@b",), "grader_key_env": "KEY"}, "has a model and an address"),
        ({"tasks": ("a.py",)}, "'a.py' names no task"),
        ({"tasks": ("folder/",)}, "'folder/' names no task"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_when_it_is_made(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigInvalid, match=said):
        InspectAI(InspectAIOptions(**values))
