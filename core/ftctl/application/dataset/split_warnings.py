"""Warn of splits that are empty, or far from the share that was asked for."""

import math
from collections.abc import Iterator, Mapping, Sequence

from ftctl.application.dataset.step import Step
from ftctl.ports import StageContext
from ftctl.ports.data_operator import SplitOperator

LEAST, SPREAD = 0.05, 4.0
"""How far a split may be from its share: in shares of the rows, and in standard deviations of a draw row by row."""


def split_warnings(way: Sequence[Sequence[Step]], context: StageContext, rows: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for each split that should worry whoever made it.

    Args:
        way: the steps by part; the one that splits is asked what was wanted.
        context: of the stage.
        rows: number of rows by split.
    """
    total = sum(rows.values())
    for step in (step for part in way for step in part):
        if not isinstance(step.operator, SplitOperator):
            continue
        own = step.context(context)
        empty = [split for split in step.operator.wanted(own) if not rows[split]]
        for split in empty:
            text = f"no row fell into the {split} split: {total} rows are too few for its share"
            yield f"{text}; give more rows, or the share 0 to {split}"
        for split, share in step.operator.asked_shares(own).items():
            found = rows[split] / total if total else share
            bound = max(LEAST, SPREAD * math.sqrt(share * (1 - share) / max(total, 1)))
            if split not in empty and abs(found - share) > bound:
                text = f"the {split} split has {found:.0%} of the rows where {share:.0%} were asked for"
                yield f"{text}: rows of one group stay together, and the groups are too few or too large"
