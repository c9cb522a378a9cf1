"""How many tokens a second are scored, beside lm-evaluation-harness over the same token ids.

    PYTHONPATH=. python tests/bench/score.py --lm-eval PYTHON [--rounds 3] [--work] [--share 1.0]

Two lots of requests to the built-in model in float32, or to the model of 57.7 million parameters that training is timed
on, whose vocabulary is as wide as a real one's: distinct contexts with one answer each, and contexts with four
answers of several tokens, as multiple choice has. Each program scores each lot in every round, one after the other, in
a process of its own; loading is not counted. Prints the median rates, their ratio, and how far the sums are apart.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

OURS = """
import json, sys, time
from ftctl.domain.artifact import Artifact
from ftctl.domain.encoded import IGNORED, Encoded
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.scoring import Scorer
rows = [Encoded("", (*c, *a), (*[IGNORED] * len(c), *a)) for c, a in json.load(open(sys.argv[2]))]
scorer = Scorer(load_whole(Artifact("model", "hf", "", sys.argv[1])).float(), 0)
scorer.score(rows[:64])
started = time.perf_counter()
sums = scorer.score(rows)
json.dump([time.perf_counter() - started, sums], open(sys.argv[3], "w"))
"""
THEIRS = """
import json, sys, time
from lm_eval.models.huggingface import HFLM
requests = [(("", ""), context, answer) for context, answer in json.load(open(sys.argv[2]))]
model = HFLM(pretrained=sys.argv[1], device="cpu", dtype="float32", batch_size=16)
model._loglikelihood_tokens(requests[:64], disable_tqdm=True)
started = time.perf_counter()
sums = [value for value, _ in model._loglikelihood_tokens(requests, disable_tqdm=True)]
json.dump([time.perf_counter() - started, sums], open(sys.argv[3], "w"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lm-eval", required=True, metavar="PYTHON", help="An interpreter with lm-eval.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", action="store_true", help="The model that training is timed on.")
    parser.add_argument("--share", type=float, default=1.0, help="Of the requests.")
    given = parser.parse_args()
    from ftctl_adapters.modeling.reference import BUILTIN

    model = str(BUILTIN["builtin:tiny"])
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-") as folder:
        if given.work:
            from tests.bench.work import make

            make(Path(folder))
            model = str(Path(folder, "model"))
        for name, contexts, answers in (("distinct contexts", 1000, 1), ("four answers each", 300, 4)):
            lot = requests(round(contexts * given.share), answers)
            path = Path(folder, "requests.json")
            path.write_text(json.dumps(lot))
            ours, theirs = [], []
            for _ in range(given.rounds):
                ours.append(timed([sys.executable, "-c", OURS, model], path))
                theirs.append(timed([given.lm_eval, "-c", THEIRS, model], path))
            tokens = sum(len(context) + len(answer) for context, answer in lot)
            tell(name, tokens, ours, theirs)


def requests(contexts: int, answers: int) -> list[tuple[list[int], list[int]]]:
    draw = random.Random(7)
    found = []
    for _ in range(contexts):
        context = [draw.randrange(300, 2000) for _ in range(draw.randint(40, 200))]
        found += [(context, [draw.randrange(300, 2000) for _ in range(draw.randint(2, 12))]) for _ in range(answers)]
    return found


def timed(command: list[str], path: Path) -> tuple[float, list[float]]:
    out = path.with_suffix(".out")
    started = time.perf_counter()
    subprocess.run([*command, str(path), str(out)], check=True, capture_output=True)
    seconds, sums = json.loads(out.read_text())
    assert seconds < time.perf_counter() - started
    return seconds, sums


def tell(name: str, tokens: int, ours: list[Any], theirs: list[Any]) -> None:
    rates = [tokens / statistics.median(seconds for seconds, _ in found) for found in (ours, theirs)]
    apart = max(abs(one - other) for one, other in zip(ours[0][1], theirs[0][1], strict=True))
    print(f"{name}: ftctl {rates[0]:,.0f} tokens/s, lm-eval {rates[1]:,.0f}, ratio {rates[0] / rates[1]:.2f}; "
          f"{tokens:,} tokens, sums at most {apart:.1e} apart")  # fmt: skip


if __name__ == "__main__":
    main()
