"""A run that is real in every part and takes seconds: sixty phrases, a dozen steps, float32."""

import json
from pathlib import Path

PHRASES = Path(__file__).parents[1] / "data" / "phrasebook.sharegpt.jsonl"

SMALL = """
model: builtin:tiny
data_source: {use: jsonl, path: phrases.jsonl}
tuner:
  {use: lora, rank: 8, learning_rate: 3e-3, max_length: 256, bf16: false, lora_dropout: 0.1,
   max_steps: 12, save_steps: 2, per_device_train_batch_size: 8}
evaluators: []
"""


MEASURED = ["model", "data", "prepare", "baseline", "tune", "evaluate"]
"""Stages of a run that is measured before and after training."""


def small_run(folder: Path, rows: int = 60, **keys: object) -> Path:
    """Writes ``phrases.jsonl`` and ``run.yaml`` into the folder; ``keys`` of the run file replace its own."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = PHRASES.read_text(encoding="utf-8").split("\n")[:rows]
    (folder / "phrases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    kept = [line for line in SMALL.splitlines(keepends=True) if line.partition(":")[0] not in keys]
    text = "".join(kept) + "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items())
    (folder / "run.yaml").write_text(text, encoding="utf-8")
    return folder / "run.yaml"
