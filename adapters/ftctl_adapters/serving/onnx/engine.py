"""Engine thread: takes requests and runs them in batches."""

import os
import threading
import traceback
from collections import deque
from typing import Any

from ftctl_adapters.serving.onnx.turn import Sampling, Step, Turn

EVENTS = 64
"""Events that are read from the engine at once."""


class Full(Exception):
    """Raised when the request queue is full."""


class Engine:
    """Batches of ``batch`` turns; at most ``waiting`` more may wait.

    On a CPU a batch runs until its last turn has ended; those that wait make the next one. When the engine fails, the
    process ends: whoever watches it sees that, and nobody waits for an answer that never comes.
    """

    def __init__(self, model: Any, batch: int, waiting: int) -> None:
        self._model, self._room = model, batch + waiting
        self._live: list[tuple[Any, int, Turn]] = []
        self._new: deque[Turn] = deque()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive()

    @property
    def load(self) -> int:
        """Number of requests running or waiting."""
        return len(self._live) + len(self._new)

    def submit(self, turn: Turn) -> None:
        """Queue a request.

        Raises:
            Full: too many are waiting.
        """
        with self._changed:
            if self.load >= self._room:
                raise Full
            self._new.append(turn)
            self._changed.notify()

    def _run(self) -> None:
        try:
            self._compute()
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def _compute(self) -> None:
        import onnxruntime_genai as og

        # the engine belongs to the thread that makes it
        self._og, self._engine = og, og.Engine(self._model)
        buffer = self._engine.create_event_buffer(EVENTS)
        while True:
            self._admit()
            self._cancel()
            for event in self._engine.run(buffer):
                self._tell(event)

    def _admit(self) -> None:
        """Begin new requests; sleep while there is nothing to do."""
        with self._changed:
            while not self._new and not self._live:
                self._changed.wait()
            fresh = [self._new.popleft() for _ in range(len(self._new))]
        for turn in fresh:
            if not turn.cancelled:
                self._begin(turn)

    def _begin(self, turn: Turn) -> None:
        """Begin one request; one that the engine refuses fails alone."""
        import numpy as np

        request = self._engine.create_request()
        try:
            settings = self._og.TurnOptions(request)
            _sample(settings, turn.sampling)
            number = request.begin_turn(np.array(turn.ids, dtype=np.int32), settings)
        except (RuntimeError, TypeError, ValueError):
            traceback.print_exc()
            request.close()
            turn.deliver(Step(None, "error"))
            return
        self._live.append((request, number, turn))

    def _cancel(self) -> None:
        for request, number, turn in self._live:
            if turn.cancelled:
                request.cancel_turn(number)

    def _tell(self, event: Any) -> None:
        place = next(place for place, live in enumerate(self._live) if live[0] is event.request)
        request, _, turn = self._live[place]
        finish = _finish(self._og, event.finish_reason)
        if finish:
            del self._live[place]
            request.close()
        turn.deliver(Step(None if event.token is None else int(event.token), finish))
        if event.error_code == self._og.EngineErrorCode.ENGINE_EXECUTION_FAILURE:
            raise RuntimeError("the engine failed, and takes no further turns")


def _sample(settings: Any, sampling: Sampling) -> None:
    settings.set_max_generated_tokens(sampling.max_tokens)
    settings.set_min_generated_tokens(sampling.min_tokens)
    settings.set_do_sample(sampling.temperature > 0)
    if sampling.temperature > 0:
        settings.set_temperature(sampling.temperature)
        settings.set_top_p(sampling.top_p)
        settings.set_top_k(sampling.top_k)
    if sampling.repetition_penalty != 1:
        settings.set_repetition_penalty(sampling.repetition_penalty)


def _finish(og: Any, reason: Any) -> str | None:
    if reason is None or reason == og.FinishReason.NONE:
        return None
    if reason in (og.FinishReason.MAX_GENERATED_TOKENS, og.FinishReason.MAX_SESSION_TOKENS):
        return "length"
    return "error" if reason == og.FinishReason.FAILED else "stop"
