"""Sample events of every kind."""

from typing import Any

from ftctl.domain import event as events
from ftctl.domain.event import Event
from ftctl.errors import BackendFailed

ERROR = BackendFailed("something failed", next_step="try again").to_json()
METRIC: dict[str, Any] = {
    "name": "f1",
    "value": 0.5,
    "unit": "share",
    "direction": "higher",
    "n": 4,
    "stderr": 0.1,
}
SAMPLES: tuple[tuple[str, dict[str, Any]], ...] = (
    (events.RUN_STARTED, {"run_id": "run-1", "stages": ["data", "tune"]}),
    (events.STAGE_SKIPPED, {"plugin": "jsonl"}),
    (events.STAGE_STARTED, {"plugin": "lora"}),
    (events.DATA_DESCRIBED, {"rows": 40, "states": {"kept": 40}}),
    (events.DATA_DESCRIBED, {"labels": "user: ⟦answer⟧"}),
    (
        events.MEMORY_ESTIMATED,
        {"memory": {"train": 2_000_000_000}, "largest_batch": {"sequences": 4, "longest": 187, "tokens": 640}},
    ),
    (events.TRAINING_RESUMED, {"step": 1, "total": 4}),
    (
        events.STEP_FINISHED,
        {
            "step": 2,
            "total": 4,
            "loss": 1.5,
            "learning_rate": 1e-4,
            "grad_norm": 0.7,
            "tokens_per_second": 100.0,
        },
    ),
    (events.STEP_FINISHED, {"step": 2, "total": 4, "validation_loss": 1.25}),
    (events.CHECKPOINT_SAVED, {"step": 2}),
    (events.PROGRESS_MADE, {"done": 3, "total": 4, "unit": "answers"}),
    (events.PROGRESS_MADE, {"done": 1000, "unit": "rows"}),
    (events.WEIGHTS_CHOSEN, {"step": 2, "total": 4, "validation_loss": 1.25}),
    (events.TRAINING_FINISHED, {"seconds": 2.0, "tokens": 200, "tokens_per_second": 100.0}),
    (events.RATES_SWEPT, {"points": [[1e-4, 2.0], [1e-3, 1.0]], "suggested": 1e-3}),
    (events.METRIC_RECORDED, METRIC),
    (events.STAGE_FINISHED, {"seconds": 2.5, "digest": "a" * 64, "metrics": [METRIC], "summary": {}}),
    (events.STAGE_FINISHED, {"seconds": 4.0}),
    (events.WARNING_RAISED, {"message": "something to know"}),
    (events.STAGE_FAILED, ERROR),
    (events.SERVER_STARTED, {"url": "http://127.0.0.1:4242/v1", "model": "model"}),
    (events.SERVER_STOPPED, {}),
    (events.RUN_INTERRUPTED, {"run_id": "run-1", "signal": 2}),
    (events.RUN_FAILED, {"run_id": "run-1", **ERROR}),
    (events.RUN_FINISHED, {"run_id": "run-1"}),
)
"""Kinds whose data comes in several shapes are there several times."""


def sample_events() -> list[Event]:
    """Return at least one event of each kind, a second apart."""
    return [Event(kind, 1_000_000.0 + place, "tune", data) for place, (kind, data) in enumerate(SAMPLES)]
