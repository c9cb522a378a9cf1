"""Seconds from a command to its result: forked workers beside new ones, cached runs, and a share of a busy machine.

    python tests/bench/start.py [--rounds 1] [--only run cached share]

`run`: the README's run in an empty folder, with and without ``--cold``, in turns; the ratio of the two.
`cached`: the same command again, up to a server that was verified, both ways.
`share`: tokens a second of a training alone, and beside one process that keeps a core busy; the ratio of the two.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FTCTL = (sys.executable, "-m", "ftctl_adapters.cli")
WAYS = {"forked": (), "cold": ("--cold",)}
STEPS = 300
BUSY = "while True: pass"
PARTS = ("run", "cached", "share")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-") as scratch:
        folder = Path(scratch)
        if {"run", "cached"} & set(given.only):
            starts(folder, given.rounds, cached="cached" in given.only)
        if "share" in given.only:
            share(folder / "share", given.rounds)


def starts(folder: Path, rounds: int, *, cached: bool) -> None:
    """Print the first run and the cached one, both ways."""
    first: dict[str, list[float]] = {way: [] for way in WAYS}
    again: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way, options in WAYS.items():
            place = folder / f"{way}-{number}"
            place.mkdir()
            first[way].append(timed(place, *options))
            if cached:
                again[way] += [timed(place, *options) for _ in range(3)]
    report("first run", first)
    if cached:
        report("cached run", again)


def timed(place: Path, *options: str) -> float:
    """Return the seconds of a whole command."""
    started = time.monotonic()
    subprocess.run([*FTCTL, "run", "--once", "--json", *options], cwd=place, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def report(title: str, seconds: dict[str, list[float]]) -> None:
    """Print medians and their ratio."""
    medians = {way: statistics.median(found) for way, found in seconds.items()}
    told = ", ".join(f"{way} {median:.1f} s ({len(seconds[way])} of them)" for way, median in medians.items())
    print(f"{title}: {told}; ratio {medians['forked'] / medians['cold']:.2f}", flush=True)


def share(folder: Path, rounds: int) -> None:
    """Print the rate of a training alone and beside a busy process, in turns."""
    alone, beside = [], []
    for number in range(rounds):
        alone.append(rate(folder / f"alone-{number}"))
        with busy():
            beside.append(rate(folder / f"beside-{number}"))
    medians = statistics.median(alone), statistics.median(beside)
    print(
        f"training alone {medians[0]:,.0f} tokens/s, beside a busy process {medians[1]:,.0f}; "
        f"ratio {medians[1] / medians[0]:.2f}",
        flush=True,
    )


def rate(place: Path) -> float:
    """Return the tokens a second of a training of `STEPS` steps, as its events tell."""
    place.mkdir(parents=True)
    command = [*FTCTL, "tune", "--json", "--set", f"tuner.max_steps={STEPS}"]
    done = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True)
    run = json.loads(done.stdout)["run_id"]
    events = (place / ".ftctl" / "runs" / run / "events.ndjson").read_text(encoding="utf-8").splitlines()
    finished = next(event for event in map(json.loads, events) if event["kind"] == "TrainingFinished")
    return float(finished["data"]["tokens_per_second"])


@contextmanager
def busy() -> Iterator[None]:
    """Keep one core busy with a process of another program."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        try:
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    main()
