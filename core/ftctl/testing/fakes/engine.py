"""An engine that does all work where it is, and can lose some."""

from collections.abc import Callable, Iterable, Iterator

from ftctl.plugin import option, options
from ftctl.ports.engine import Engine, EngineError, Found, Given


@options
class FakeEngineOptions:
    """Options of `FakeEngine`."""

    lost_after: int | None = option(None, help="Pieces of work after which it is gone; null: it stays.", ge=0)


class FakeEngine(Engine):
    """``closed`` counts how often it was closed."""

    def __init__(self, options: FakeEngineOptions) -> None:
        self._lost_after = options.lost_after
        self.closed = 0

    def spread(self, work: Callable[[Given], Found], items: Iterable[Given]) -> Iterator[Found]:
        for number, item in enumerate(items):
            if number == self._lost_after:
                raise EngineError("the engine is gone", next_step="run the same command again")
            yield work(item)

    def close(self) -> None:
        self.closed += 1
