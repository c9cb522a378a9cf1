"""How long a million rows take to become tokens, and in how much memory.

    python tests/bench/prepare.py [--rows 1000000]

Makes short chats, runs `ftctl tune` for one step, worker included, and prints the rows a second of each stage and its
peak memory, beside the peak of the same run over a thousand rows: what is above it is the data's.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RUN = {
    "model": "builtin:tiny",
    "data_source": {"use": "jsonl", "path": "rows.jsonl", "split": {"validation": 0.001, "test": 0.001}},
    "tuner": {"use": "lora", "bf16": False, "max_steps": 1, "per_device_train_batch_size": 8},
    "evaluators": [],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    base, full = measured(1000), measured(rows)
    print(f"{'stage':<8}{'rows/s':>10}{'peak RSS':>12}{'above 1,000 rows':>20}")
    for stage in ("data", "tune"):
        peak, above = full[stage]["peak_rss_bytes"], full[stage]["peak_rss_bytes"] - base[stage]["peak_rss_bytes"]
        print(f"{stage:<8}{rows / full[stage]['seconds']:>10,.0f}{peak / 1e6:>9,.0f} MB{above / 1e6:>17,.0f} MB")


def measured(rows: int) -> dict[str, Any]:
    """The stages of a run over so many rows, by name."""
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-") as scratch:
        folder = Path(scratch)
        write(folder / "rows.jsonl", rows)
        (folder / "run.yaml").write_text(json.dumps(RUN))
        command = [sys.executable, "-m", "ftctl_adapters.cli", "tune", "run.yaml", "--json"]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return {stage["name"]: stage for stage in json.loads(done.stdout)["stages"]}


def write(path: Path, rows: int) -> None:
    """Chats of a few words, each with a number of its own."""
    draw, words = random.Random(0), [f"word{number}" for number in range(500)]
    with path.open("w") as lines:
        for number in range(rows):
            asked, answer = " ".join(draw.choices(words, k=3)), " ".join(draw.choices(words, k=draw.randint(1, 4)))
            turns = [{"role": "user", "content": f"{asked} {number}"}, {"role": "assistant", "content": answer}]
            lines.write(json.dumps({"messages": turns}) + "\n")


if __name__ == "__main__":
    main()
