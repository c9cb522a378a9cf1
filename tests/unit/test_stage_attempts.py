"""Seconds and memory of attempts that were cut off are part of a stage's figures."""

import pytest

from ftctl.application.stage_attempts import Attempts, earlier_attempts
from ftctl.domain import event as events
from ftctl.domain.event import Event

STARTED, STEP, FINISHED = events.STAGE_STARTED, events.STEP_FINISHED, events.STAGE_FINISHED


Line = tuple[str, float, str, int]


def told(*lines: Line) -> list[Event]:
    return [Event(kind, at, stage, {"rss_bytes": rss} if rss else {}) for kind, at, stage, rss in lines]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], Attempts(0.0, 0)),
        ([(STARTED, 10.0, "tune", 0), (STEP, 40.0, "tune", 7)], Attempts(30.0, 7)),
        (
            [(STARTED, 10.0, "tune", 0), (STEP, 40.0, "tune", 7), (events.RUN_INTERRUPTED, 45.0, "", 0)],
            Attempts(35.0, 7),
        ),
        (
            [(STARTED, 10.0, "tune", 0), (STEP, 40.0, "tune", 9), (events.RUN_STARTED, 900.0, "", 0),
             (STARTED, 901.0, "tune", 0), (STEP, 921.0, "tune", 8)],
            Attempts(50.0, 9),
        ),
        ([(STARTED, 10.0, "tune", 0), (STEP, 40.0, "tune", 7), (FINISHED, 50.0, "tune", 0)], Attempts(0.0, 0)),
        ([(STARTED, 10.0, "data", 0), (STEP, 40.0, "data", 7)], Attempts(0.0, 0)),
    ],
)  # fmt: skip
def test_what_was_cut_off_counts_up_to_its_last_event(
    lines: list[tuple[str, float, str, int]], found: Attempts
) -> None:
    assert earlier_attempts(told(*lines), "tune") == found
