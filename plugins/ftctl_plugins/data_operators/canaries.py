"""``canaries``: plant random codes in the train split, for the evaluator `memorise`."""

import hashlib
import random

from ftctl.domain import Example
from ftctl.plugin import option, options
from ftctl_adapters.records.canaries import canary
from ftctl_plugins.data_operators.derived_rows import SHARE_HELP, Augmentation


@options
class CanariesOptions:
    """Options of `Canaries`."""

    share: float = option(0.05, help=SHARE_HELP, gt=0, le=1)
    count: int = option(4, help="Number of different codes; the made rows are divided among them.", ge=1, le=1024)
    seed: int = option(1, help="Random seed of the codes; give `memorise` the same.", ge=0)


class Canaries(Augmentation):
    """Adds rows with one canary's code and a unique note, so that none repeats another."""

    def __init__(self, options: CanariesOptions) -> None:
        super().__init__(options.share, options.seed)
        self._options = options

    def variant(self, row: Example, draw: random.Random, place: int) -> Example | None:
        asked = self._options
        note = hashlib.sha256(f"{asked.seed} {row.content_digest}".encode()).hexdigest()[:6]
        return Example(row.where, canary(asked.seed, draw.randrange(asked.count), note))
