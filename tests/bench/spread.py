"""How much scores move with the number of sequences that are computed at once, in double, single and half precision.

``python tests/bench/spread.py`` scores the same sequences with the built-in model one at a time, by 3 and by 16, and
prints the largest difference of a sum between any two ways, and that of the perplexity over all.
"""

import argparse
import math
import random

import torch

from ftctl.domain.artifact import Artifact
from ftctl.domain.encoded import IGNORED, Encoded
from ftctl.domain.format import HF
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.scoring import Scorer

SIZES = (1, 3, 16)
LENGTHS = (12, 36, 72)
TINY = str(BUILTIN["builtin:tiny"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=240)
    given = parser.parse_args()
    rows = sequences(given.sequences)
    tokens = sum(row.trained for row in rows)
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        model = load_whole(Artifact("model", HF, "", TINY)).to(dtype)
        found = [scored(model, rows, size) for size in SIZES]
        apart = max(max(told) - min(told) for told in zip(*found, strict=True))
        perplexities = [math.exp(-math.fsum(told) / tokens) for told in found]
        spread = max(perplexities) / min(perplexities) - 1
        name, length = str(dtype).removeprefix("torch."), tokens / len(rows)
        told = f"{name}: sums of about {length:.0f} tokens are up to {apart:.2g} nats apart"
        print(f"{told}, the perplexity is up to {spread:.2g} of itself")


def sequences(count: int) -> list[Encoded]:
    """Three endings of each beginning, as choices of a question are; of few lengths, so that several are one batch."""
    found = []
    for number in range(count):
        draw, other = random.Random(number // 3), random.Random(f"ending {number}")
        length = draw.choice(LENGTHS)
        beginning = [draw.randrange(300, 2000) for _ in range(length)]
        ending = [other.randrange(300, 2000) for _ in range(length // 2)]
        ids = (*beginning, *ending)
        found.append(Encoded(f"s:{number}", ids, (*[IGNORED] * length, *ending)))
    return found


def scored(model: object, rows: list[Encoded], size: int) -> list[float]:
    scorer = Scorer(model, 0)
    return [score for at in range(0, len(rows), size) for score in scorer.score(rows[at : at + size])]


if __name__ == "__main__":
    main()
