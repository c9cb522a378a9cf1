"""How fast `ftctl tune` trains, beside its peers and the machine's own limit, on the same work in the same run.

    python tests/bench/train.py [--llamafactory PYTHON] [--trl PYTHON] [--rounds 3] [--no-reference]

Prints tokens a second, the ratio to each peer, the fraction of the matrix-product peak and the peak memory of each. A
peer's interpreter is one in which that program is installed. Times are of the training loops alone, as each reports it;
the wall time of whole programs, start included, stands beside them.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.peers import Timing, llamafactory, trl  # noqa: E402
from tests.bench.work import VOCABULARY, make  # noqa: E402

BODY, HIDDEN = 24_119_296, 512
"""Weights of the layers that every token passes, and the width of the head."""


def main() -> None:
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-") as scratch:
        folder = Path(scratch)
        make(folder / "work")
        peak = matmul_peak()
        print(f"bf16 matrix products peak at {peak / 1e12:.2f} TFLOP/s here")
        programs = {"ftctl": lambda out: ftctl(folder / "work", out)}
        if given.llamafactory:
            programs["LLaMA-Factory"] = lambda out: llamafactory(given.llamafactory, folder / "work", out)
        if given.trl:
            programs["TRL"] = lambda out: trl(given.trl, folder / "work", out)
        found: dict[str, list[Timing]] = {name: [] for name in programs}
        for number in range(given.rounds):
            for name, program in programs.items():
                found[name].append(program(folder / f"{name}-{number}"))
                print(f"  round {number + 1} {name}: {found[name][-1].seconds:.1f} s", flush=True)
        _table(found, peak, *_work(folder / "ftctl-0"))
        if given.reference:
            _compare(folder / "work", found["ftctl"][0].loss)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llamafactory", metavar="PYTHON")
    parser.add_argument("--trl", metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-reference", dest="reference", action="store_false", help="leave out the fp32 loop")
    return parser.parse_args()


def matmul_peak(size: int = 4096, times: int = 5) -> float:
    """Floating-point operations a second of a large bfloat16 matrix product, the best of several."""
    import torch

    a, b = (torch.randn(size, size).to(torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def ftctl(work: Path, out: Path) -> Timing:
    """The real command, its worker included."""
    out.mkdir(parents=True)
    run = {
        "model": str(work / "model"),
        "data_source": {"use": "jsonl", "path": str(work / "messages.jsonl"), "split": {"validation": 0, "test": 0}},
        "tuner": {"use": "lora", "rank": 8, "learning_rate": 2e-4, "num_train_epochs": 1, "max_length": 4096,
                  "bf16": True, "per_device_train_batch_size": 8, "logging_steps": 1},
        "evaluators": [],
    }  # fmt: skip
    (out / "run.yaml").write_text(json.dumps(run))
    started = time.monotonic()
    command = [sys.executable, "-m", "ftctl_adapters.cli", "tune", "run.yaml", "--json"]
    done = subprocess.run(command, cwd=out, check=True, capture_output=True, text=True)
    wall = time.monotonic() - started
    stage = next(stage for stage in json.loads(done.stdout)["stages"] if stage["name"] == "tune")
    lines = next(out.glob(".ftctl/runs/*/events.ndjson")).read_text().splitlines()
    events = [json.loads(line) for line in lines]
    ended = next(event["data"] for event in events if event["kind"] == "TrainingFinished")
    losses = [event["data"]["loss"] for event in events if event["kind"] == "StepFinished"]
    return Timing(ended["seconds"], wall, stage["peak_rss_bytes"], statistics.mean(losses))


def _work(out: Path) -> tuple[int, float]:
    """Tokens and floating-point operations of one epoch with frozen weights.

    Two products a layer and token (forward, gradient of the input), two a trained position at the head; attention and
    adapters are left out.
    """
    lines = next(out.glob(".ftctl/runs/*/events.ndjson")).read_text().splitlines()
    described = [json.loads(line)["data"] for line in lines if "trained_tokens" in line]
    tokens = described[0]["tokens"]
    return tokens, 4 * (BODY * tokens + VOCABULARY * HIDDEN * described[0]["trained_tokens"])


def _table(found: dict[str, list[Timing]], peak: float, tokens: int, flops: float) -> None:
    ours = statistics.median(timing.seconds for timing in found["ftctl"])
    print(f"\n{'program':<15}{'tokens/s':>10}{'ftctl is':>10}{'of peak':>9}{'peak RSS':>10}{'loss':>9}{'wall':>9}")
    for name, timings in found.items():
        seconds = statistics.median(timing.seconds for timing in timings)
        rss, wall = max(timing.rss for timing in timings), statistics.median(timing.wall for timing in timings)
        share = flops / seconds / peak
        print(
            f"{name:<15}{tokens / seconds:>10,.0f}{seconds / ours:>9.2f}×{share:>9.0%}{rss / 1e9:>7.2f} GB"
            f"{timings[0].loss:>9.3f}{wall:>7.1f} s"
        )


def _compare(work: Path, loss: float) -> None:
    from tests.bench.reference import mean_loss

    expected = mean_loss(work)
    print(f"\nmean loss of the epoch {loss:.4f}; fp32 PEFT loop over the same batches {expected:.4f}: "
          f"{abs(loss / expected - 1):.3%} apart")  # fmt: skip


if __name__ == "__main__":
    main()
