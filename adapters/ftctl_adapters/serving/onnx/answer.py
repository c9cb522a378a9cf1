"""Follow one request from its prompt to its last piece of text."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from ftctl_adapters.serving.onnx.engine import Engine
from ftctl_adapters.serving.onnx.metrics import Gauges
from ftctl_adapters.serving.onnx.text import TextStream
from ftctl_adapters.serving.onnx.turn import Sampling, Step, Turn


class Answer:
    """An answer in progress; iterate over `pieces` once, then read ``finish`` and ``made``."""

    def __init__(self, engine: Engine, gauges: Gauges, ids: Sequence[int], sampling: Sampling) -> None:
        self._steps: asyncio.Queue[Step] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._gauges, self._started = gauges, time.monotonic()
        self._turn = Turn(tuple(ids), sampling, self._deliver)
        self.made, self.finish = 0, "cancelled"
        engine.submit(self._turn)
        gauges.prompt_tokens.inc(len(ids))

    def _deliver(self, step: Step) -> None:
        self._loop.call_soon_threadsafe(self._steps.put_nowait, step)

    async def pieces(self, tokenizer: Any, stops: Sequence[str]) -> AsyncIterator[str]:
        """Yield text as it arrives; closing the iterator cancels the request."""
        text, ended = TextStream(tokenizer, stops), False
        try:
            while not ended:
                step = await self._steps.get()
                ended = step.finish is not None
                if step.token is not None:
                    self._count()
                    yield text.add(step.token)
                if text.stopped:
                    self.finish = "stop"
                    return
                self.finish = step.finish or self.finish
            yield text.end()
        finally:
            self._turn.cancelled = not ended
            self._gauges.requests.labels(self.finish).inc()
            self._gauges.whole.observe(time.monotonic() - self._started)

    def _count(self) -> None:
        if not self.made:
            self._gauges.first.observe(time.monotonic() - self._started)
        self.made += 1
        self._gauges.tokens.inc()
