"""``mix``: interleave several files by sampling weight.

Names and stopping rules are those of `datasets.interleave_datasets`; a row is drawn once at most, because a data set
holds no row twice.
"""

from collections.abc import Iterator
from typing import Any

from attrs import evolve

from ftctl.domain.codec import digest
from ftctl.domain.event import DATA_DESCRIBED
from ftctl.domain.example import Example, Rejection
from ftctl.domain.interleave import FIRST, RULES, Drawn
from ftctl.plugin import option, options
from ftctl.ports import DataSource, StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl_plugins.data_sources.files import FORMAT_HELP, FORMATS, IGNORE_HELP
from ftctl_plugins.data_sources.jsonl import JsonlOptions, JsonlSource


@options
class MixOptions:
    """Options of `MixSource`."""

    paths: tuple[str, ...] = option(
        help="The files, each as `jsonl` takes one; `path#500` takes 500 rows.", location=True
    )
    probabilities: tuple[float, ...] = option((), help="Sampling weight of each file; left out: equal.")
    stopping_strategy: str = option(
        FIRST,
        help="End with the first file that has no row left, which keeps the shares, or with all.",
        choices=RULES,
    )
    format: str = option("auto", help=FORMAT_HELP, choices=FORMATS)
    ignore_keys: tuple[str, ...] = option((), help=IGNORE_HELP)


class MixSource(DataSource):
    """Interleaves files; the same ``data_seed`` draws the same rows in the same order."""

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
        self._sources = [_file(path, options) for path in options.paths]

    def fingerprint(self) -> str:
        found = [source.fingerprint() for source in self._sources]
        return digest([found, list(self._shares), self._options.stopping_strategy])

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        rows = [_numbered(number, source.examples(context)) for number, source in enumerate(self._sources, 1)]
        drawn = Drawn(rows, self._shares, self._options.stopping_strategy, context.settings["data_seed"])
        yield from drawn
        context.emit(DATA_DESCRIBED, mixed=dict(zip(self._options.paths, drawn.taken, strict=True)))


def _numbered(number: int, rows: Iterator[Example | Rejection]) -> Iterator[Example | Rejection]:
    """Number files of equal names in their rows' places."""
    return (evolve(row, where=f"{number}/{row.where}") for row in rows)


def _file(path: str, options: MixOptions) -> JsonlSource:
    given: dict[str, Any] = {"path": path, "format": options.format, "ignore_keys": options.ignore_keys}
    return JsonlSource(JsonlOptions(**given))
