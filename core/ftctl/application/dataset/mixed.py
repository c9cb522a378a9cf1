"""Combine several data sources into one."""

from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from ftctl.domain.codec import digest, to_plain
from ftctl.domain.event import DATA_DESCRIBED
from ftctl.domain.example import Example, Rejection
from ftctl.domain.interleave import ALL, RULES, Drawn
from ftctl.plugin.options import option, options
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSource


@options
class Mixing:
    """Keys of ``data_source`` beside ``sources``."""

    probabilities: tuple[float, ...] = option(
        (), help="Sampling weights of `sources`; left out: they are read one after the other."
    )
    stopping_strategy: str = option(
        ALL, help="End with the first source that has no row left, which keeps the shares, or with all.", choices=RULES
    )

    def problems(self, sources: int) -> list[str]:
        """Return what does not fit this number of sources, one line each."""
        given = self.probabilities
        if given and len(given) != sources:
            return [f"data_source.probabilities: {len(given)} for {sources} sources; give one for each"]
        return ["data_source.probabilities: each must be greater than 0"] if given and min(given) <= 0 else []


IN_TURN = Mixing(probabilities=(), stopping_strategy=ALL)


@frozen
class MixedSource(DataSource):
    """Several sources as one; each row's place begins with the name of its source, numbered if names repeat."""

    sources: Sequence[tuple[str, DataSource]]
    mixing: Mixing

    def fingerprint(self) -> str:
        return digest([[source.fingerprint() for _, source in self.sources], to_plain(self.mixing)])

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        streams = [self._named(name, number, source, context) for number, (name, source) in enumerate(self.sources, 1)]
        if not self.mixing.probabilities:
            for stream in streams:
                yield from stream
            return
        seed = context.settings["data_seed"]
        drawn = Drawn(streams, self.mixing.probabilities, self.mixing.stopping_strategy, seed)
        yield from drawn
        names = [f"{number} {name}" for number, (name, _) in enumerate(self.sources, 1)]
        context.emit(DATA_DESCRIBED, mixed=dict(zip(names, drawn.taken, strict=True)))

    def _named(
        self, name: str, number: int, source: DataSource, context: StageContext
    ) -> Iterator[Example | Rejection]:
        alone = [other for other, _ in self.sources].count(name) == 1
        work = context.work / f"source-{number}"
        work.mkdir(exist_ok=True)
        for row in source.examples(evolve(context, work=work)):
            yield evolve(row, where=f"{name if alone else f'{name}-{number}'}:{row.where}")
