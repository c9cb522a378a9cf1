"""Scores of one model by ftctl and by lm-evaluation-harness, in the environment of the latter: a JSON list of both.

Arguments: the model's folder, ``float32`` or ``float64``.
"""

import json
import random
import sys

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, AutoTokenizer

from ftctl.domain.encoded import IGNORED, Encoded
from ftctl_adapters.modeling.scoring import Scorer

WORDS = ["join", "width", "红色", "的船", "是", "returns", "list", "\n", "0.5", "été", "{", "}", "天气很好", "a"]


def pairs(count: int) -> list[tuple[str, str]]:
    """Contexts and continuations: English and Chinese, some empty contexts, leading blanks, single characters."""
    draw = random.Random(3)
    found = []
    for number in range(count):
        context = " ".join(draw.choices(WORDS, k=draw.randint(1, 40))) if number % 10 else ""
        answer = " ".join(draw.choices(WORDS, k=draw.randint(1, 3)))
        answer = {1: " " + answer, 2: "   " + answer, 3: "x", 4: "船"}.get(number % 8, answer)
        # four answers to one context, of which three have just been asked about
        context = found[-1][0] if found and number % 4 and number % 10 else context
        found.append((context, answer))
    return found


def main(folder: str, dtype: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    theirs = HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(folder), batch_size=8)
    # where both grow together into one token, nothing of the answer is left to be scored
    asked = [pair for pair in pairs(1300) if not pair[0] or all(theirs._encode_pair(*pair))][:1000]
    found = theirs.loglikelihood([Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(asked)], True)
    rows = []
    for context, answer in asked:
        # an empty context is one token of theirs, and blanks at the end of a context are the answer's
        before, after = theirs._encode_pair(context, answer) if context else ([theirs.prefix_token_id], [])
        after = after or theirs.tok_encode(answer, add_special_tokens=False)
        rows.append(Encoded("", (*before, *after), (*[IGNORED] * len(before), *after)))
    ours = Scorer(model, 0).score(rows)
    print(json.dumps([ours, [value for value, _ in found]]))


if __name__ == "__main__":
    main(*sys.argv[1:])
