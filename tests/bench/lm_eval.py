"""What `bench` costs beside the `lm-eval` command on the same model and tasks; they must tell the same numbers.

``python tests/bench/lm_eval.py`` prints the medians of rounds that take turns. A stage of ftctl is measured whole, from
the start of its process to its artifact; the command from start to end. Needs ``ftctl env create lm-eval``.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.functional.small import small_run

from ftctl.domain.interpreter import Interpreter
from ftctl_adapters.environments.local import LocalEnvironments

TASK = """task: words
dataset_path: json
dataset_kwargs: {data_files: {test: words.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_target: a
doc_to_choice: c
metric_list: [{metric: acc}, {metric: acc_norm}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        harness = LocalEnvironments(folder).enter("lm-eval")
        rows = [{"q": f"Which of these words is number {n} of the list?", "c": [f"word {n + k}" for k in range(4)],
                 "a": n % 4} for n in range(given.documents)]  # fmt: skip
        (folder / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "words.yaml").write_text(TASK)
        ours, theirs = [], []
        for number in range(given.rounds):
            seconds, model, told = through(folder, number)
            ours.append(seconds)
            seconds, alone = command(harness, folder, model)
            theirs.append(seconds)
            assert told == alone, (told, alone)
        ratio = statistics.median(ours) / statistics.median(theirs)
        print(
            f"lm-eval {statistics.median(theirs):.1f} s, ftctl's stage {statistics.median(ours):.1f} s: {ratio:.2f} x"
        )


def through(folder: Path, number: int) -> tuple[float, str, dict[str, float]]:
    """Seconds of the stage, the folder of its model, and its numbers; a new run each time."""
    small_run(folder, evaluators=[{"use": "bench", "tasks": ["words.yaml"]}], seed=number)
    done = subprocess.run(
        [sys.executable, "-m", "ftctl_adapters.cli", "evaluate", "run.yaml", "--json", "--set", "tuner.max_steps=1"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    stages = {stage["name"]: stage for stage in json.loads(done.stdout)["stages"]}
    made = {name: folder / ".ftctl" / "artifacts" / stage["artifact"] for name, stage in stages.items()}
    told = json.loads((made["baseline"] / "bench.results.json").read_text())["results"]["words"]
    return stages["baseline.lm-eval"]["seconds"], str(made["model"]), told


def command(harness: Interpreter, folder: Path, model: str) -> tuple[float, dict[str, float]]:
    arguments = ("--model", "hf", "--model_args", f"pretrained={model}", "--tasks", "words.yaml", "--batch_size", "8")
    out = folder / f"alone-{time.monotonic_ns()}"
    started = time.perf_counter()
    subprocess.run(
        [harness.path, "-m", "lm_eval", "run", *arguments, "--device", "cpu", "--output_path", str(out)],
        cwd=folder,
        env=os.environ | harness.variables,
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - started
    return seconds, dict(json.loads(next(out.glob("**/results_*.json")).read_text())["results"]["words"])


if __name__ == "__main__":
    main()
