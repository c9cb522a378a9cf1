"""``jsonl``: metrics of a run, one JSON object a line."""

import json
from pathlib import Path
from typing import TextIO

from ftctl.domain import event as events
from ftctl.domain.event import Event
from ftctl.plugin import option, options
from ftctl.ports import Monitor

RECORDED = frozenset({events.STEP_FINISHED, events.METRIC_RECORDED})


@options
class JsonlOptions:
    """Options of `JsonlMonitor`."""

    file: str = option("metrics.jsonl", help="Name of the file in the run's folder.")


class JsonlMonitor(Monitor):
    """Appends metrics, so that a resumed run keeps earlier ones."""

    def __init__(self, options: JsonlOptions) -> None:
        self._name = options.file
        self._stream: TextIO | None = None

    def open(self, run_id: str, folder: Path) -> None:
        self._stream = (folder / Path(self._name).name).open("a", encoding="utf-8")

    def emit(self, event: Event) -> None:
        if self._stream and event.kind in RECORDED:
            line = {"kind": event.kind, "at": event.at, "stage": event.stage, **event.data}
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()

    def close(self) -> None:
        if self._stream:
            self._stream.close()
            self._stream = None
