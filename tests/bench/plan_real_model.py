"""Memory of a real model as planned once its rows are read, beside what it took.

    python tests/bench/plan_real_model.py

SmolLM2-135M-Instruct is trained for three steps on rows of very different lengths, and evaluated before and after. The
command prints, for each training, the memory that was planned after the stage ``prepare``, the peaks that the workers
reported, and their ratios.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.real_model import smollm2  # noqa: E402

SETTINGS: list[dict[str, Any]] = [
    {"objective": "sft", "per_device_train_batch_size": 8},
    {"objective": "sft", "per_device_train_batch_size": 2, "gradient_checkpointing": True},
    {"objective": "pt", "per_device_train_batch_size": 2},
    {"objective": "dpo", "per_device_train_batch_size": 4},
    {"use": "full", "objective": "sft", "per_device_train_batch_size": 4},
]
ROWS = 240
ANSWERS = {"use": "text-metrics", "max_new_tokens": 32}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-") as scratch:
        print(f"{'tuner':<6}{'objective':<10}{'batch':>6}  {'phase':<9}{'planned':>12}{'measured':>12}{'ratio':>7}")
        for number, settings in enumerate(SETTINGS):
            folder = Path(scratch) / str(number)
            use, objective = settings.get("use", "lora"), settings["objective"]
            for phase, (planned, measured) in phases(folder, settings).items():
                print(
                    f"{use:<6}{objective:<10}{settings['per_device_train_batch_size']:>6}  {phase:<9}"
                    f"{planned / 1e6:>9,.0f} MB{measured / 1e6:>9,.0f} MB{planned / measured:>7.2f}",
                    flush=True,
                )


def phases(folder: Path, settings: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Planned and measured bytes of each phase of a run with these settings."""
    folder.mkdir()
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows(settings["objective"]))))
    common = {"use": "lora", "learning_rate": 1e-5, "max_steps": 3, "max_length": 1024, "logging_steps": 1}
    run = {
        "model": str(smollm2()),
        "data_source": {"use": "jsonl", "path": "rows.jsonl", "split": {"validation": 0.1, "test": 0.2}},
        "tuner": common | settings,
        "evaluators": ["perplexity", *([] if settings["objective"] == "pt" else [ANSWERS])],
    }
    (folder / "run.yaml").write_text(json.dumps(run))
    command = [sys.executable, "-m", "ftctl_adapters.cli", "evaluate", "run.yaml", "--json"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    planned = json.loads(next(folder.glob(".ftctl/runs/*/plan.json")).read_text())["resources"]["memory"]
    lines = next(folder.glob(".ftctl/runs/*/events.ndjson")).read_text().splitlines()
    steps = [event["data"] for event in map(json.loads, lines) if event["kind"] == "StepFinished"]
    train = max(step["rss_bytes"] for step in steps if "rss_bytes" in step)
    peaks = {stage["name"]: stage["peak_rss_bytes"] for stage in json.loads(done.stdout)["stages"]}
    evaluate = max(peaks["baseline"], peaks["evaluate"])
    found = {"train": (planned["train"], train), "evaluate": (planned["evaluate"], evaluate)}
    # raw texts are not answered, which is what the plan of an evaluation is about
    return {"train": found["train"]} if settings["objective"] == "pt" else found


def rows(objective: str) -> list[dict[str, Any]]:
    """Rows of 10 to some 700 tokens, most of them short."""
    draw = random.Random(1)
    made = []
    for _ in range(ROWS):
        asked, said, other = (" ".join(draw.choices(WORDS, k=_length(draw))) for _ in range(3))
        pair = {"prompt": asked, "chosen": said, "rejected": other}
        plain = {"prompt": asked, "completion": said}
        made.append({"sft": plain, "pt": {"text": f"{asked} {said}"}, "dpo": pair}[objective])
    return made


def _length(draw: random.Random) -> int:
    return min(int(draw.lognormvariate(3.5, 1.0)) + 1, 350)


WORDS = ("model", "reads", "rows", "of", "many", "lengths", "and", "learns", "to", "answer", "with", "common", "words")

if __name__ == "__main__":
    main()
