"""How fast rows become a data set through a recipe, and in how much memory and disk.

    python tests/bench/data.py [--rows 1000000] [--memory-mb 512] [--base 100000] [--streaming] [--engine processes]

Makes short chats, a tenth of them repeats, runs `ftctl data` over them by the real command, worker included, and prints
rows a second, the worker's peak memory beside that of fewer rows, and the most that lay on disk at a time.
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

STEPS = ["clean-encoding", {"use": "normalise", "whitespace": "trim"}, "filter-turns", {"use": "pii", "action": "mask"},
         "dedup-exact", "dedup-near"]  # fmt: skip
WORDS = [f"word{number}" for number in range(5000)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--base", type=int, default=100_000, help="rows to compare with; 0: none")
    parser.add_argument("--memory-mb", type=int, default=512)
    parser.add_argument("--streaming", action="store_true", help="only steps that judge each row by itself")
    parser.add_argument("--engine", default="local", choices=("local", "processes", "ray"))
    parser.add_argument("--scratch", type=Path, help="a folder with space; otherwise the system's temporary one")
    asked = parser.parse_args()
    counts = [count for count in (asked.base, asked.rows) if count]
    print(f"{'rows':>12}{'seconds':>10}{'rows/s':>10}{'peak RSS':>12}{'disk':>12}{'kept':>12}", flush=True)
    peaks = []
    for count in counts:
        told = measured(count, asked)
        peaks.append(told["peak"])
        print(f"{count:>12,}{told['seconds']:>10,.0f}{count / told['seconds']:>10,.0f}{told['peak'] / 2**20:>8,.0f} MiB"
              f"{told['disk'] / 1e9:>9,.2f} GB{told['kept']:>12,}", flush=True)  # fmt: skip
    if len(peaks) == 2:
        print(f"peak of {asked.rows:,} rows: {peaks[1] / peaks[0]:.2f} times that of {asked.base:,}")


def measured(rows: int, asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-", dir=asked.scratch) as made:
        folder = Path(made)
        write(folder / "rows.jsonl", rows)
        source = {"use": "jsonl", "path": "rows.jsonl", "memory_mb": asked.memory_mb, "engine": asked.engine}
        steps = STEPS[:4] if asked.streaming else STEPS
        (folder / "run.yaml").write_text(
            json.dumps({"model": "builtin:tiny", "data_source": source, "data_steps": steps})
        )
        most, ended = [0], threading.Event()
        watcher = threading.Thread(target=watch, args=(folder / ".ftctl", most, ended))
        watcher.start()
        command = [sys.executable, "-m", "ftctl_adapters.cli", "data", "run.yaml", "--json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        ended.set()
        watcher.join()
        if done.returncode:
            raise SystemExit(done.stderr)
        (stage,) = [stage for stage in json.loads(done.stdout)["stages"] if stage["name"] == "data"]
        (summary,) = (folder / ".ftctl/artifacts/dataset").glob("*/summary.json")
        return {
            "seconds": stage["seconds"],
            "peak": stage["peak_rss_bytes"],
            "disk": most[0],
            "kept": json.loads(summary.read_text())["states"]["kept"],
        }


def watch(folder: Path, most: list[int], ended: threading.Event) -> None:
    """The most bytes that ever lay below the folder."""
    while not ended.wait(2):
        size = 0
        for place, _, names in os.walk(folder):  # which says nothing of folders that went away meanwhile
            for name in names:
                with contextlib.suppress(OSError):
                    size += (Path(place) / name).stat().st_blocks * 512
        most[0] = max(most[0], size)


def write(path: Path, rows: int) -> None:
    """Chats of thirty words, each with a number of its own but for one in ten, which repeats an earlier one."""
    draw = random.Random(0)
    with path.open("w") as lines:
        last = ""
        for number in range(rows):
            if number % 10 != 9:
                asked, answer = " ".join(draw.choices(WORDS, k=12)), " ".join(draw.choices(WORDS, k=18))
                turns = [{"role": "user", "content": f"{asked} {number}"}, {"role": "assistant", "content": answer}]
                last = json.dumps({"messages": turns}) + "\n"
            lines.write(last)


if __name__ == "__main__":
    main()
