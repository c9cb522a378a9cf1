"""``mix``: rows of several files, drawn by their shares.

Names and stopping rules are those of `datasets.interleave_datasets`; a row is drawn once at most, because a data set
holds no row twice.
"""

import random
from collections.abc import Iterator

from ftctl.domain.codec import digest
from ftctl.domain.event import DATA_DESCRIBED
from ftctl.domain.example import Example, Rejection
from ftctl.plugin import option, options
from ftctl.ports import DataSource, StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.formats import READERS
from ftctl_plugins.data_sources.jsonl import JsonlOptions, JsonlSource

FIRST, ALL = "first_exhausted", "all_exhausted_without_replacement"


@options
class MixOptions:
    paths: tuple[str, ...] = option(help="The files, each as `jsonl` takes one; `path#500` takes 500 rows.")
    probabilities: tuple[float, ...] = option((), help="How often each file is drawn from; left out: equally often.")
    stopping_strategy: str = option(
        FIRST,
        help="End with the first file that has no row left, which keeps the shares, or with all.",
        choices=(FIRST, ALL),
    )
    format: str = option("auto", help="The rows' format; `auto` reads it off the keys.", choices=("auto", *READERS))


class MixSource(DataSource):
    """The same ``data_seed`` draws the same rows in the same order."""

    def __init__(self, options: MixOptions) -> None:
        self._options = options
        shares = options.probabilities or (1.0,) * len(options.paths)
        if len(options.paths) < 2:
            raise DataSourceError("data_source.paths: a mix needs two files at least")
        if len(shares) != len(options.paths):
            text = f"{len(shares)} for {len(options.paths)} files"
            raise DataSourceError(f"data_source.probabilities: {text}", next_step="give one for each path")
        if min(shares) <= 0:
            raise DataSourceError("data_source.probabilities: each must be greater than 0")
        self._shares = shares
        self._sources = [JsonlSource(JsonlOptions(path=path, format=options.format)) for path in options.paths]

    def fingerprint(self) -> str:
        found = [source.fingerprint() for source in self._sources]
        return digest([found, list(self._shares), self._options.stopping_strategy])

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        draw = random.Random(context.settings["data_seed"])  # noqa: S311 - shares of rows, not secrets
        left = {number: source.examples(context) for number, source in enumerate(self._sources)}
        taken = [0] * len(self._sources)
        while left:
            (number,) = draw.choices(list(left), [self._shares[number] for number in left])
            row = next(left[number], None)
            if row is not None:
                taken[number] += 1
                yield row
            elif self._options.stopping_strategy == FIRST:
                break
            else:
                del left[number]
        context.emit(DATA_DESCRIBED, mixed=dict(zip(self._options.paths, taken, strict=True)))
