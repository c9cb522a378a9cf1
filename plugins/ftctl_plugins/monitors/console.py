"""``console``: progress on standard error."""

import sys
from pathlib import Path
from typing import Any

from ftctl.domain import event as events
from ftctl.domain.event import Event
from ftctl.plugin import options
from ftctl.ports import Monitor
from ftctl_plugins.monitors.event_text import phrase

PLAIN_SECONDS = 3.0
"""In a pipe, progress is one line in so many seconds."""


@options
class ConsoleOptions:
    """Options of `ConsoleMonitor`."""


class ConsoleMonitor(Monitor):
    """Shows a live bar on a terminal, plain lines in a pipe; every finished stage leaves one line."""

    def __init__(self, options: ConsoleOptions) -> None:
        self._live: Any = None
        self._task: Any = None
        self._quiet_until = 0.0

    def open(self, run_id: str, folder: Path) -> None:
        self._say(f"run {run_id} in {folder}")
        if sys.stderr.isatty():
            self._live = _progress()
            self._live.start()

    def emit(self, event: Event) -> None:
        if event.kind in (events.STEP_FINISHED, events.PROGRESS_MADE):
            self._advance(event)
            return
        if event.kind == events.STAGE_STARTED and self._live is not None:
            self._task = self._live.add_task(event.stage, total=None, note="")
        if event.kind in (events.STAGE_FINISHED, events.STAGE_FAILED) and self._task is not None:
            self._live.remove_task(self._task)
            self._task = None
        text = phrase(event)
        if text:
            self._say(text)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _advance(self, event: Event) -> None:
        done = event.data.get("step", event.data.get("done"))
        text = phrase(event) or ""
        if self._live is None:
            reported = event.kind == events.STEP_FINISHED  # as often as `logging_steps` says
            if reported or event.at >= self._quiet_until or done == event.data.get("total"):
                self._quiet_until = event.at + PLAIN_SECONDS
                self._say(text)
        elif self._task is not None:
            self._live.update(self._task, completed=done, total=event.data.get("total"), note=text.strip())

    def _say(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
