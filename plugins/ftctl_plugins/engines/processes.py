"""``processes``: several processes of this machine."""

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from multiprocessing import get_context
from typing import Any, ClassVar

from ftctl.plugin import option, options
from ftctl.ports import Engine, EngineError
from ftctl.ports.engine import Found, Given
from ftctl_plugins.engines.carried import do

AHEAD = 2
"""Pieces of work that are waiting for each process."""


@options
class ProcessesOptions:
    processes: int | None = option(None, help="How many; null: one for each core.", ge=1, le=256)


class ProcessesEngine(Engine):
    """A process that is lost ends the stage; the same command goes on behind the last finished shard."""

    remote: ClassVar[bool] = True

    def __init__(self, options: ProcessesOptions) -> None:
        self.parts = options.processes or os.cpu_count() or 1

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.parts, get_context("spawn"))

    def spread(self, work: Callable[[Given], Found], items: Iterable[Given]) -> Iterator[Found]:
        carried, pending = pickle.dumps(work), deque[Future[Any]]()
        try:
            for item in items:
                pending.append(self._pool.submit(do, carried, item))
                if len(pending) >= AHEAD * self.parts:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            text = "a process of the data stage was lost (out of memory?)"
            raise EngineError(text, next_step="run the same command again, with fewer processes") from error
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        if "_pool" in self.__dict__:
            self._pool.shutdown(cancel_futures=True)
