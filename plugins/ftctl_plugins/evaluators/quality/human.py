"""``human``: blind pairwise preference by people."""

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftctl.domain.codec import digest
from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Answer, Evaluator, StageContext, Target, answered
from ftctl_plugins.evaluators.conversations import conversations
from ftctl_plugins.evaluators.option_file import read_bytes
from ftctl_plugins.evaluators.quality.human_form import FIRST, SECOND, TIE, Item, read_ratings, write_csv, write_html

ENOUGH = 0.5
"""Share of the examples that must be rated: of another model only those are whose answers happen to be the same."""


@options
class HumanOptions:
    """Options of `Human`."""

    ratings: tuple[str, ...] = option((), help="Forms that were filled in, one CSV file a rater.", location=True)
    limit: int = option(50, help="Number of test examples to show.", ge=1)
    max_new_tokens: int = option(256, help="Maximum number of new tokens.", ge=1, le=65_536)
    seed: int = option(1, help="Random seed of the order of answers.", ge=0)


class Human(Evaluator):
    """Writes forms without ratings (``human.form.csv``, ``human.form.html``); with ratings, measures them.

    With them it tells ``human_preference``, the share of examples in which most raters prefer the model's answer to the
    expected one (a tie counts half), and ``human_alpha``, how far raters agree beyond chance. An answer that has
    changed since is not rated.
    """

    def __init__(self, options: HumanOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def fingerprint(self) -> str:
        given = self._options.ratings
        return " ".join(hashlib.sha256(read_bytes("human.ratings", path)).hexdigest() for path in given)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = conversations("human", data, self._options.limit)
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, answers, missing = answered(asked, told)
        items = [self._item(example, answer) for example, answer in zip(asked, answers, strict=True)]
        write_csv(items, context.out / "human.form.csv")
        write_html(items, context.out / "human.form.html")
        ratings = {path: read_ratings(Path(path)) for path in self._options.ratings}
        records = [_record(item, example, answer, ratings)
                   for item, example, answer in zip(items, asked, answers, strict=True)]  # fmt: skip
        rated, known = sum("human_preference" in one for one in records), {item.name for item in items}
        strange = sum(name not in known for told in ratings.values() for name in told)
        note = f"{rated} of {len(items)} examples rated, by {len(ratings)}"
        note += f"; {strange} ratings are of other answers" if strange else ""
        enough = rated >= ENOUGH * len(items)
        metrics = _metrics(items, records, ratings) if enough else []
        return Report("human", tuple(metrics), (*records, *missing), {"human": note})

    def _item(self, example: Example, answer: Answer) -> Item:
        # a letter first, or a spreadsheet takes some for numbers
        name = "q" + digest([example.where, *map(ascii, (example.prompt.question, answer.text, example.answer))])[:12]
        model_first = random.Random(f"{self._options.seed} {name}").random() < 0.5  # noqa: S311
        both = (answer.text, example.answer) if model_first else (example.answer, answer.text)
        return Item(name, example.prompt.question, *both, model_first)


def _record(item: Item, example: Example, answer: Answer, ratings: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    said = [told[item.name] for told in ratings.values() if item.name in told]
    votes = Counter("model" if one == (FIRST if item.model_first else SECOND) else one for one in said if one != TIE)
    model, other = votes["model"], votes.total() - votes["model"]
    preferred = {"human_preference": 0.5 if model == other else float(model > other)} if said else {}
    return {"where": example.where, "prompt": example.prompt.question, "expected": example.answer,
            "answer": answer.text, "item": item.name, "ratings": len(said), **preferred}  # fmt: skip


def _metrics(
    items: Sequence[Item], records: Sequence[dict[str, Any]], ratings: Mapping[str, Mapping[str, str]]
) -> list[Metric]:
    rated = [one["human_preference"] for one in records if "human_preference" in one]
    if not rated:
        return []
    found = [mean_metric("human_preference", rated, unit="share", direction="higher")]
    agreed = alpha([[_meant(item, told.get(item.name)) for told in ratings.values()] for item in items])
    return [*found, agreed] if agreed else found


def _meant(item: Item, said: str | None) -> float | None:
    """Return the preference: 1 for the model, 0 for the expected answer, 0.5 for neither."""
    if said is None or said == TIE:
        return None if said is None else 0.5
    return float((said == FIRST) == item.model_first)


def alpha(ratings: Sequence[Sequence[float | None]], samples: int = 1000) -> Metric | None:
    """Return Krippendorff's nominal alpha of (items, raters); ``None`` if disagreement was impossible."""
    import numpy as np

    from ftctl_adapters.statistics.agreement import agreement

    table = np.array([[np.nan if one is None else one for one in row] for row in ratings], dtype=float)
    found = agreement(table, "alpha", samples=samples)
    if found.value is None:
        return None
    return Metric("human_alpha", found.value, "alpha", "higher", found.items, None, found.low, found.high)
