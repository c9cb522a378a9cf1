"""Count what earlier, unfinished attempts at a stage took, from a run's events."""

from collections.abc import Iterable

from attrs import define

from ftctl.domain import event as events
from ftctl.domain.event import Event

ENDS = (events.RUN_STARTED, events.RUN_INTERRUPTED, events.RUN_FAILED, events.STAGE_FAILED)


@define
class Attempts:
    """``seconds`` from their begin to their last event, and the largest memory that one told."""

    seconds: float = 0.0
    peak_rss_bytes: int = 0


def earlier_attempts(recorded: Iterable[Event], stage: str) -> Attempts:
    """Return the attempts since the stage was last finished.

    One that was killed counts up to its last event.
    """
    found, began, last = Attempts(), 0.0, 0.0
    for event in recorded:
        of_stage = event.stage == stage
        if began and (event.kind in ENDS or (of_stage and event.kind == events.STAGE_STARTED)):
            last = event.at if event.kind == events.RUN_INTERRUPTED else last
            found.seconds += last - began
            began = 0.0
        if not of_stage:
            continue
        if event.kind == events.STAGE_STARTED:
            began = event.at
        elif event.kind == events.STAGE_FINISHED:
            found, began = Attempts(), 0.0
        last = event.at
        found.peak_rss_bytes = max(found.peak_rss_bytes, int(event.data.get("rss_bytes", 0)))
    return found if not began else Attempts(found.seconds + last - began, found.peak_rss_bytes)
