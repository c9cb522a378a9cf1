"""``processes``: run work in several processes of this machine."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, ClassVar

from ftctl.plugin import option, options
from ftctl.ports import Engine, EngineError
from ftctl.ports.engine import Found, Given

AHEAD = 2
"""Pieces of work that are waiting for each process."""


@options
class ProcessesOptions:
    """Options of `ProcessesEngine`."""

    processes: int | None = option(None, help="Number of processes; null: one a core.", ge=1, le=256)


class ProcessesEngine(Engine):
    """Runs work in processes; a lost one ends the stage, which continues after the last finished shard."""

    remote: ClassVar[bool] = True

    def __init__(self, options: ProcessesOptions) -> None:
        self.parts = options.processes or os.cpu_count() or 1

    def spread(self, work: Callable[[Given], Found], items: Iterable[Given]) -> Iterator[Found]:
        """Spread work over processes, which live as long as it; ``work`` is sent to each once."""
        pending = deque[Future[Any]]()
        pool = ProcessPoolExecutor(self.parts, get_context("spawn"), _remember, (work,))
        try:
            for item in items:
                pending.append(pool.submit(_do, item))
                if len(pending) >= AHEAD * self.parts:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            text = "a process of the data stage was lost (out of memory?)"
            raise EngineError(text, next_step="run the same command again, with fewer processes") from error
        finally:
            pool.shutdown(cancel_futures=True)


_work: list[Callable[[Any], Any]] = []
"""In a process of the pool: what it is there to do, with what its operators have read and built."""


def _remember(work: Callable[[Any], Any]) -> None:
    _work[:] = [work]


def _do(item: Any) -> Any:
    return _work[0](item)
