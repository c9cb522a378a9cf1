"""``inspect-ai``: the framework in its environment, against a model that is loaded elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ftctl.domain.interpreter import Interpreter
from ftctl_adapters.environments.local import LocalEnvironments
from tests.conftest import Ftctl
from tests.docs.shell import documented, sources
from tests.functional.small import MEASURED, small_run
from tests.openai_server import FakeService, serving

pytestmark = [pytest.mark.heavy, pytest.mark.backends]

ROWS = [("capital of France", "Paris"), ("capital of Peru", "Lima"), ("capital of Japan", "Tokyo")]
OTHERS = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, accuracy, includes, mean, model_graded_qa, scorer
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import tool

TWO = [Sample(input="one", target="x"), Sample(input="two", target="y")]


@scorer(metrics={"length": [mean()], "empty": [mean()]})
def measured():
    async def score(state, target):
        return Score(value={"length": float(len(state.output.completion)), "empty": 0.0})

    return score


@scorer(metrics=[accuracy()])
def gone():
    async def score(state, target):
        raise ValueError("nobody judges")

    return score


@tool
def adder():
    async def execute(a: int, b: int):
        '''Adds.

        Args:
            a: one.
            b: other.
        '''
        return a + b

    return execute


@task
def figures():
    return Task(dataset=TWO, scorer=measured(), epochs=2)


@task
def unjudged():
    return Task(dataset=TWO, scorer=gone())


@task
def unscored():
    return Task(dataset=TWO)


@task
def graded():
    return Task(dataset=TWO, scorer=model_graded_qa())


@scorer(metrics=[accuracy()])
def mine():
    return model_graded_qa()


@task
def wrapped():
    return Task(dataset=TWO, scorer=mine())


@task
def tooled():
    return Task(dataset=TWO, solver=[use_tools(adder()), generate()], scorer=includes())
"""


@pytest.fixture(scope="module")
def inspect(environment: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    environment(documented("how-to/inspect.md", "env create")[-1])
    return LocalEnvironments(tmp_path_factory.mktemp("inspect")).enter("inspect-ai")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "tasks").mkdir()
    rows = [json.dumps({"input": asked, "target": told}) for asked, told in ROWS]
    (tmp_path / "tasks" / "capitals.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "tasks" / "capitals.py").write_text(sources("how-to/inspect.md")[0], encoding="utf-8")
    (tmp_path / "tasks" / "others.py").write_text(OTHERS, encoding="utf-8")
    return tmp_path


def asked(*tasks: str, **more: object) -> list[object]:
    return [{"use": "inspect-ai", "tasks": [f"tasks/{one}" for one in tasks], "max_tokens": 8, **more}]


def test_tasks_measure_a_model_where_it_is_and_are_measured_anew_when_a_file_changes(
    ftctl: Ftctl, inspect: Interpreter, place: Path
) -> None:
    entries = asked(
        "capitals.py@capitals", "others.py@figures", lower=["figures.empty.mean"], task_args={"note": "Go."}
    )
    gate = {"metric": "capitals.includes.accuracy", "min_value": 0.5}
    small_run(place, evaluators=[*entries, "text-metrics"], gates=[gate])
    done = ftctl("evaluate", "run.yaml", "--json", cwd=place)
    assert done.returncode == 7, done.stderr[-3000:]
    document = json.loads(done.stdout)
    assert [stage["name"] for stage in document["stages"]] == MEASURED
    found = document["metrics"]["tuned"]
    told = {name: (one["unit"], one["direction"], one["n"]) for name, one in found.items() if "." in name}
    assert told == {
        "capitals.includes.accuracy": ("share", "higher", 3),
        "capitals.f1.mean": ("share", "higher", 3),
        "figures.length.mean": ("figure", "higher", 2),
        "figures.empty.mean": ("share", "lower", 4),
    }
    assert found["figures.length.mean"]["value"] > 0
    folder = place / ".ftctl" / "artifacts" / document["stages"][-1]["artifact"]
    samples = json.loads((folder / "inspect-ai.capitals.json").read_text(encoding="utf-8"))["samples"]
    assert [turn["content"] for turn in samples[0]["messages"][:2]] == ["Go.", ROWS[0][0]]
    with (place / "tasks" / "capitals.jsonl").open("a", encoding="utf-8") as rows:
        rows.write(json.dumps({"input": "capital of Kenya", "target": "Nairobi"}) + "\n")
    again = json.loads(ftctl("evaluate", "run.yaml", "--json", cwd=place).stdout)
    assert again["metrics"]["tuned"]["capitals.f1.mean"]["n"] == 4
    assert {stage["name"]: stage["status"] for stage in again["stages"]}["tune"] == "cached"


@pytest.mark.parametrize(
    ("task", "code", "said"),
    [
        ("unjudged", 6, "2 of 2 samples have no score: ValueError('nobody judges')"),
        ("unscored", 6, "the task unscored has no scorer"),
        ("tooled", 6, "2 of 2 samples have no score: tools is not offered here"),
        ("wrapped", 2, "a scorer of the task wrapped asks the model: it would judge itself"),
        ("nobody", 6, "Task named 'nobody' not found"),
        ("graded", 2, "a scorer of the task graded asks the model: it would judge itself"),
    ],
)
def test_what_did_not_come_to_an_end_is_no_figure(
    ftctl: Ftctl, inspect: Interpreter, place: Path, task: str, code: int, said: str
) -> None:
    small_run(place, evaluators=asked(f"others.py@{task}"))
    done = ftctl("evaluate", "run.yaml", cwd=place)
    assert done.returncode == code, done.stderr[-3000:]
    assert said in done.stderr


def test_it_keeps_its_contract_where_it_lives(
    inspect: Interpreter, keeps_contract: Callable[[Interpreter, str], None]
) -> None:
    keeps_contract(inspect, "inspect_contract.py")


def test_another_model_grades_and_where_it_is_stays_unsaid(ftctl: Ftctl, inspect: Interpreter, place: Path) -> None:
    with serving(FakeService(lambda body: "It is right.\n\nGRADE: C")) as grader:
        given = {"grader_model": "wise", "grader_url_env": "GRADER_URL"}
        small_run(place, evaluators=asked("others.py@graded", "others.py@wrapped", **given))
        done = ftctl("evaluate", "run.yaml", "--json", cwd=place, env={"GRADER_URL": grader.url})
        assert done.returncode == 0, done.stderr[-3000:]
    document = json.loads(done.stdout)
    assert document["metrics"]["tuned"]["wrapped.mine.accuracy"]["value"] == 1.0
    assert {body["model"] for body in grader.bodies} == {"wise"}
    port = grader.url.rpartition(":")[2].split("/")[0]
    made = place / ".ftctl" / "artifacts" / document["stages"][-1]["artifact"]
    assert all(f"127.0.0.1:{port}" not in path.read_text(encoding="utf-8") for path in made.iterdir())
