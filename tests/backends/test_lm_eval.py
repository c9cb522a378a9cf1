"""``bench``: lm-evaluation-harness in its environment, through ftctl and by its own command."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.interpreter import Interpreter
from ftctl_adapters.environments.local import LocalEnvironments
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_plugins.evaluators.external.bench import PASSING
from tests.conftest import Ftctl
from tests.docs.shell import documented
from tests.functional.small import small_run

pytestmark = [pytest.mark.heavy, pytest.mark.backends]
SAME = ("results", "task_hashes", "higher_is_better", "n-samples", "n-shot", "versions")
DEAD = "http://127.0.0.1:9"
"""Nobody listens there: who asks the network nevertheless is told so at once."""
OFFLINE = {"HF_HUB_OFFLINE": "1", "HTTP_PROXY": DEAD, "HTTPS_PROXY": DEAD, "ALL_PROXY": DEAD}
TASK = "task: {name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {name}.jsonl}}}}\ntest_split: test\n"
CHOICES = """output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_target: a
doc_to_choice: c
metric_list: [{metric: acc}, {metric: acc_norm}]
"""
ANSWERS = """output_type: generate_until
doc_to_text: "{{q}}"
doc_to_target: "{{t}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8, do_sample: false}
metric_list: [{metric: exact_match}, {metric: chrf}]
"""
TEXTS = """output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{q}}"
metric_list: [{metric: word_perplexity}, {metric: bits_per_byte}]
"""


@pytest.fixture(scope="module")
def harness(environment: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    environment(documented("how-to/evaluate.md", "env create")[-1])
    return LocalEnvironments(tmp_path_factory.mktemp("harness")).enter("lm-eval")


def write_tasks(folder: Path) -> list[str]:
    rows = [{"q": f"Which is {n}, 红 or blue?", "c": [str(n), "红", "blue", "none"], "a": n % 4, "t": str(n)}
            for n in range(12)]  # fmt: skip
    kinds = {"ours_choices": CHOICES, "ours_answers": ANSWERS, "ours_texts": TEXTS}
    for name, rest in kinds.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        (folder / f"{name}.yaml").write_text(TASK.format(name=name) + rest)
    return [f"{name}.yaml" for name in kinds]


def test_the_numbers_are_those_of_its_own_command(ftctl: Ftctl, harness: Interpreter, tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path)
    small_run(tmp_path, evaluators=[{"use": "bench", "tasks": tasks}])
    done = ftctl("evaluate", "run.yaml", "--json", cwd=tmp_path, env=OFFLINE)
    assert done.returncode == 0, done.stderr[-3000:]
    document = json.loads(done.stdout)
    assert {"ours_choices.acc", "ours_answers.chrf", "ours_texts.bits_per_byte"} <= set(document["metrics"]["tuned"])
    assert document["metrics"]["base"]["ours_texts.bits_per_byte"]["direction"] == "lower"
    artifacts = {stage["name"]: tmp_path / ".ftctl" / "artifacts" / stage["artifact"] for stage in document["stages"]
                 if stage["artifact"]}  # fmt: skip
    ours = json.loads((artifacts["baseline"] / "bench.results.json").read_text())
    theirs = alone(harness, tmp_path, str(artifacts["model"]), tasks)
    assert {key: ours[key] for key in SAME} == {key: theirs[key] for key in SAME}
    # what reads its results reads the report: all that it tells but what is of that very time
    report = json.loads(Path(document["report"]).with_name("report.json").read_text())
    assert set(theirs) - {*PASSING, "samples"} <= set(report)
    tuned = json.loads((artifacts["evaluate"] / "bench.results.json").read_text())
    for key in SAME:
        assert {task: report[key][task] for task in tuned[key]} == tuned[key]
    assert "bench" not in report["results"]


def alone(harness: Interpreter, folder: Path, model: str, tasks: list[str]) -> dict[str, Any]:
    """What the `lm-eval` command writes of the same model."""
    command = ("-m", "lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={model}", "--tasks", *tasks)
    rest = ("--batch_size", "8", "--device", "cpu", "--output_path", "alone", "--log_samples")
    subprocess.run(
        [harness.path, *command, *rest],
        cwd=folder,
        env={**os.environ, **harness.variables, **OFFLINE},
        check=True,
        capture_output=True,
    )
    written = next(folder.glob("alone/**/results_*.json"))
    return dict(json.loads(written.read_text()))


def test_a_task_whose_data_is_not_here_is_named(ftctl: Ftctl, harness: Interpreter, tmp_path: Path) -> None:
    small_run(tmp_path, evaluators=[{"use": "bench", "tasks": ["arc_easy"]}])
    done = ftctl("evaluate", "run.yaml", cwd=tmp_path, env={**OFFLINE, "HF_HOME": str(tmp_path / "empty")})
    assert done.returncode == 6, done.stderr[-3000:]
    assert "Couldn't reach 'allenai/ai2_arc' on the Hub" in done.stderr
    assert "[evaluator]" in done.stderr


def test_it_keeps_its_contract_where_it_lives(
    harness: Interpreter, keeps_contract: Callable[[Interpreter, str], None]
) -> None:
    keeps_contract(harness, "bench_contract.py")


@pytest.mark.parametrize(("dtype", "near"), [("float32", 5e-5), ("float64", 1e-9)])
def test_what_answers_are_worth_is_what_it_says_too(harness: Interpreter, dtype: str, near: float) -> None:
    """A thousand pairs: Chinese and English, empty contexts, leading blanks, single characters."""
    script = Path(__file__).with_name("scored_beside_lm_eval.py")
    done = subprocess.run(
        [harness.path, str(script), str(BUILTIN["builtin:tiny"]), dtype],
        env={**os.environ, **harness.variables, **OFFLINE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ours, theirs = json.loads(done.stdout.splitlines()[-1])
    assert len(ours) == len(theirs) == 1000
    assert max(abs(one - other) for one, other in zip(ours, theirs, strict=True)) <= near
