"""What `--dry-run` says a training run will need, beside what it took.

    python tests/bench/plan.py

Trains a random 57.7 M-parameter Qwen2 for six steps over sequences of 512 tokens, packed of texts that see each other,
by the real command, and prints the planned memory of the training phase, the peak that the worker reported at its last
step, and their ratio.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.work import make  # noqa: E402

SETTINGS: list[dict[str, Any]] = [
    {"use": "lora", "per_device_train_batch_size": 1},
    {"use": "lora", "per_device_train_batch_size": 4},
    {"use": "lora", "per_device_train_batch_size": 8},
    {"use": "lora", "per_device_train_batch_size": 4, "bf16": False},
    {"use": "full", "per_device_train_batch_size": 4},
    {"use": "full", "per_device_train_batch_size": 8},
    {"use": "full", "per_device_train_batch_size": 4, "bf16": False},
    {"use": "qlora", "per_device_train_batch_size": 4},
    {"use": "qlora", "per_device_train_batch_size": 8},
]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-") as scratch:
        work = Path(scratch) / "work"
        make(work)
        print(f"{'tuner':<8}{'batch':>6}{'dtype':>7}{'planned':>12}{'measured':>12}{'ratio':>8}")
        for number, settings in enumerate(SETTINGS):
            planned, measured = trained(work, Path(scratch) / str(number), settings)
            dtype = "fp32" if settings.get("bf16") is False else "bf16"
            print(
                f"{settings['use']:<8}{settings['per_device_train_batch_size']:>6}{dtype:>7}"
                f"{planned / 1e6:>9,.0f} MB{measured / 1e6:>9,.0f} MB{planned / measured:>8.2f}",
                flush=True,
            )


def trained(work: Path, out: Path, settings: dict[str, Any]) -> tuple[int, int]:
    """Planned and measured bytes of a run with these settings."""
    out.mkdir()
    common = {"learning_rate": 1e-4, "max_steps": 6, "max_length": 512, "overlong": "truncate_right"}
    common |= {"packing": True, "packing_attention": "joined"}
    source = {"use": "jsonl", "path": str(work / "messages.jsonl"), "split": {"validation": 0, "test": 0}}
    run = {
        "model": str(work / "model"),
        "data_source": source,
        "tuner": common | {"logging_steps": 1} | settings,
        "evaluators": [],
    }
    (out / "run.yaml").write_text(json.dumps(run))
    command = [sys.executable, "-m", "ftctl_adapters.cli", "tune", "run.yaml", "--json"]
    subprocess.run(command, cwd=out, check=True, capture_output=True)
    plan = json.loads(next(out.glob(".ftctl/runs/*/plan.json")).read_text())
    lines = next(out.glob(".ftctl/runs/*/events.ndjson")).read_text().splitlines()
    steps = [event["data"] for event in map(json.loads, lines) if event["kind"] == "StepFinished"]
    return plan["resources"]["memory"]["train"], max(step["rss_bytes"] for step in steps)


if __name__ == "__main__":
    main()
