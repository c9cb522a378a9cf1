"""``local``: run work in the worker, one piece after another."""

from collections.abc import Callable, Iterable, Iterator

from ftctl.plugin import options
from ftctl.ports import Engine
from ftctl.ports.engine import Found, Given


@options
class LocalOptions:
    """Options of `LocalEngine`."""


class LocalEngine(Engine):
    """Runs work in this process, without pickling or reading ahead."""

    def __init__(self, options: LocalOptions) -> None:
        self._options = options

    def spread(self, work: Callable[[Given], Found], items: Iterable[Given]) -> Iterator[Found]:
        return map(work, items)
