"""How fast lines of JSON become canonical rows, beside a plain loop of `json.loads` over the same file.

    python tests/bench/reading.py [--rows 200000] [--rounds 3]

The loop reads a line and parses it, no more; strict reading also refuses duplicate keys, NaN, lone surrogates, control
characters, depth and length, and knows the byte at which each row begins. What makes examples of rows is timed beside.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ftctl_adapters.records.examples import ExampleReader
from ftctl_adapters.records.locations import place_of
from ftctl_adapters.records.tables import read_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-") as folder:
        path = Path(folder) / "rows.jsonl"
        write(path, asked.rows)
        rates: dict[str, list[float]] = {name: [] for name in READERS}
        for _ in range(asked.rounds):
            for name, read in READERS.items():
                started = time.perf_counter()
                count = read(path)
                rates[name].append(count / (time.perf_counter() - started))
    plain = statistics.median(rates["json.loads"])
    for name, found in rates.items():
        print(f"{name:<24}{statistics.median(found):>10,.0f} rows/s{statistics.median(found) / plain:>8.2f}")


def loads(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for line in lines if json.loads(line))


READERS: dict[str, Callable[[Path], int]] = {
    "json.loads": loads,
    "strict rows": lambda path: sum(1 for _ in read_rows(place_of(path))),
    "strict rows, as examples": lambda path: sum(1 for _ in ExampleReader().read(read_rows(place_of(path)))),
}


def write(path: Path, count: int) -> None:
    """Chats of about 500 characters, some with escapes."""
    draw, words = random.Random(0), [f"word{number}" for number in range(5000)]
    with path.open("w") as lines:
        for number in range(count):
            turns = [{"role": role, "content": " ".join(draw.choices(words, k=30))} for role in ("user", "assistant")]
            turns[1]["content"] += "\n“quoted”" if number % 3 == 0 else ""
            lines.write(json.dumps({"messages": turns, "metadata": {"n": number}}) + "\n")


if __name__ == "__main__":
    main()
