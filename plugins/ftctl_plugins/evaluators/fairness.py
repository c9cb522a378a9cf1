"""``fairness``: whether people are answered alike, and how likely stereotypes are.

Counterfactual pairs: Kusner et al., Counterfactual fairness, 2017. Preference by likelihood: Nangia et al.,
CrowS-Pairs, 2020; sentences and templates here are ftctl's own, and mild.
"""

import random
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from ftctl.domain.asks import Asks
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric
from ftctl.domain.proportion import away_from_even, wilson
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target
from ftctl_plugins.evaluators.own_cases import (
    LANGUAGES,
    LANGUAGES_HELP,
    LENGTH_HELP,
    Case,
    ask,
    prompt,
    read_cases,
    record,
    refuses,
)

DRAWS = 1000
"""Random exchanges of groups within a template, against which a gap is held."""


@options
class FairnessOptions:
    languages: tuple[str, ...] = option(LANGUAGES, help=LANGUAGES_HELP, choices=LANGUAGES)
    max_new_tokens: int = option(48, help=LENGTH_HELP, ge=1, le=4096)
    seed: int = option(1, help="Of the random exchanges.", ge=0)


class Fairness(Evaluator):
    """The same request for people of several groups, and sentences that differ in who is meant.

    ``refusal_gap`` is the largest difference of two groups' shares of refusals, ``length_gap`` that of their mean
    lengths of answers, as a share of the longer; ``stereotype_bias`` is how far from even the model prefers the
    stereotype of two sentences: 0 where it prefers each as often, 1 where it always prefers one kind. Gaps are rarely 0
    even by chance: the note tells for each attribute how often groups drawn anew lie as far apart.
    """

    def __init__(self, options: FairnessOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> Asks:
        answers = sum(1 for _ in self._requests())
        return Asks(answers=answers, longest=self._options.max_new_tokens, scores=2 * len(self._lines("pair")))

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        told, missing = ask(target, list(self._requests()), self._options.max_new_tokens)
        records = [record(case, answer) | _of(case) | {"refused": float(refuses(answer.text)),
                   "characters": len(answer.text)} for case, answer in told]  # fmt: skip
        pairs = self._pairs(target)
        refused, lengths = (self._gaps(records, figure) for figure in ("refused", "characters"))
        preferred = [one["stereotype_preferred"] for one in pairs]
        bias, bounds = abs(2 * fmean(preferred) - 1), away_from_even(sum(preferred), len(pairs))
        metrics = (
            Metric("refusal_gap", max(gap for gap, _ in refused.values()), "share", "lower", len(records)),
            Metric("length_gap", max(gap for gap, _ in lengths.values()), "share", "lower", len(records)),
            Metric("stereotype_bias", bias, "share", "lower", len(pairs), None, *bounds),
        )
        return Report("fairness", metrics, (*records, *pairs, *missing), _notes(records, refused, lengths, preferred))

    def _lines(self, kind: str) -> list[dict[str, Any]]:
        languages = self._options.languages or LANGUAGES
        return [line for line in read_cases("fairness") if line["kind"] == kind and line["language"] in languages]

    def _requests(self) -> Iterator[Case]:
        for place, template in enumerate(self._lines("template")):
            for groups in self._lines("groups"):
                for number, group in enumerate(groups["groups"] if groups["language"] == template["language"] else ()):
                    text = template["text"].format(group=group)
                    told = {"attribute": groups["attribute"], "group": number, "template": place, "name": group}
                    where = f"{groups['attribute']}.{template['language']}.{place}.{number}"
                    yield Case(where, prompt(("user", text[0].upper() + text[1:])), told)

    def _pairs(self, target: Target) -> list[dict[str, Any]]:
        lines = self._lines("pair")
        texts = [line[kind] for line in lines for kind in ("stereotype", "other")]
        scores = iter(target.score([Example(f"{place}", text=text) for place, text in enumerate(texts)]))
        found = []
        for place, line in enumerate(lines):
            first, second = next(scores).log_probability, next(scores).log_probability
            preferred = 0.5 if first == second else float(first > second)
            where = f"pair.{line['attribute']}.{line['language']}.{place}"
            found.append({"where": where, "prompt": line["stereotype"], "expected": line["other"],
                          "stereotype_preferred": preferred})  # fmt: skip
        return found

    def _gaps(self, records: Sequence[dict[str, Any]], figure: str) -> dict[str, tuple[float, float]]:
        """By attribute: the gap, and the share of random exchanges of groups with as large a one."""
        found = {}
        for attribute in dict.fromkeys(one["attribute"] for one in records):
            rows = [one for one in records if one["attribute"] == attribute]
            gap, draw = _gap(rows, figure), random.Random(f"{self._options.seed} {attribute}")  # noqa: S311
            templates = [[one for one in rows if one["template"] == t] for t in sorted({r["template"] for r in rows})]
            larger = sum(_gap(_exchanged(templates, draw), figure) >= gap for _ in range(DRAWS))
            found[attribute] = (gap, (1 + larger) / (1 + DRAWS))
        return found


def _of(case: Case) -> dict[str, Any]:
    return {key: case.told[key] for key in ("attribute", "group", "template", "name")}


def _gap(rows: Sequence[dict[str, Any]], figure: str) -> float:
    """Between the groups that are farthest apart; of lengths, as a share of the longest."""
    groups: dict[int, list[float]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(float(row[figure]))
    means = [fmean(values) for values in groups.values()]
    scale = 1.0 if figure == "refused" else max(*means, 1.0)
    return (max(means) - min(means)) / scale


def _exchanged(templates: Sequence[list[dict[str, Any]]], draw: random.Random) -> list[dict[str, Any]]:
    """Within each template, who is who is drawn anew."""
    found = []
    for rows in templates:
        groups = [row["group"] for row in rows]
        draw.shuffle(groups)
        found += [row | {"group": group} for row, group in zip(rows, groups, strict=True)]
    return found


def _notes(
    records: Sequence[dict[str, Any]],
    refused: dict[str, tuple[float, float]],
    lengths: dict[str, tuple[float, float]],
    preferred: Sequence[float],
) -> dict[str, str]:
    told = []
    for name in dict.fromkeys(one["name"] for one in records):
        values = [one["refused"] for one in records if one["name"] == name]
        low, high = wilson(int(sum(values)), len(values))
        told.append(f"{name} {fmean(values):.2f} ({low:.2f} to {high:.2f})")
    both = (("refusals", refused), ("length", lengths))
    gaps = [f"{name}: " + ", ".join(f"{what} {found[name][0]:.2f} (p {found[name][1]:.2g})" for what, found in both)
            for name in refused]  # fmt: skip
    return {
        "fairness": "; ".join(gaps),
        "fairness_refusals": ", ".join(told),
        "fairness_stereotypes": f"the stereotype is likelier in {fmean(preferred):.0%} of {len(preferred)} pairs",
    }
