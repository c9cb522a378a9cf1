"""Format events for people."""

from collections.abc import Callable
from typing import Any

from ftctl.domain import event as events
from ftctl.domain.event import Event

SWEEP_LINES = 24
KEYS = ("keys_used", "keys_kept", "keys_ignored", "keys_unreadable")
SHOWN = 4
"""How many metrics a finished stage tells on its line; the table at the end has all."""


def phrase(event: Event) -> str | None:
    """Return one line about the event, or ``None`` if it is not worth one."""
    teller = _TELLERS.get(event.kind)
    return teller(event.stage, event.data) if teller else None


def _step(stage: str, data: dict[str, Any]) -> str:
    head = f"  {stage} {data.get('step')}/{data.get('total')}"
    if "validation_loss" in data:
        return f"{head}  validation loss {data['validation_loss']:.4f}"
    figures = f"loss {data['loss']:.4f}  lr {data['learning_rate']:.2e}  {data['tokens_per_second']:,.0f} tokens/s"
    return f"{head}  {figures}{_memory(data)}"


def _chosen(stage: str, data: dict[str, Any]) -> str:
    return f"  {stage} keeps step {data['step']} of {data['total']}, validation loss {data['validation_loss']:.4f}"


def _trained(stage: str, data: dict[str, Any]) -> str:
    speed = f"{data['tokens_per_second']:,.0f} tokens/s"
    return f"  {stage} trained on {data['tokens']:,} tokens in {data['seconds']:.1f} s, {speed}"


def _swept(_stage: str, data: dict[str, Any]) -> str:
    """Return the losses as bars, one for each distinguishable rate."""
    points = data["points"]
    low, high = min(loss for _, loss in points), max(loss for _, loss in points)
    shown = points[:: max(1, len(points) // SWEEP_LINES)]
    lines = [
        f"  {rate:8.1e}  {loss:8.4f}  {'▇' * round(40 * (loss - low) / ((high - low) or 1))}" for rate, loss in shown
    ]
    return "\n".join(["\n  rate        loss", *lines, f"\nthe loss falls fastest at {data['suggested']:.1e}"])


def _memory(data: dict[str, Any]) -> str:
    return f"  {data['rss_bytes'] / 1e6:,.0f} MB" if "rss_bytes" in data else ""


def _progress(stage: str, data: dict[str, Any]) -> str:
    total = f"/{data['total']}" if data.get("total") else ""
    return f"  {stage} {data.get('done')}{total} {data.get('unit', '')}"


def _finished(stage: str, data: dict[str, Any]) -> str:
    found = data.get("metrics") or []
    metrics = "  ".join(f"{m['name']} {m['value']:.4g}" for m in found[:SHOWN]) + ("  …" if len(found) > SHOWN else "")
    return f"✓ {stage}  {data.get('seconds', 0):.1f} s  {metrics}".rstrip()


def _described(stage: str, data: dict[str, Any]) -> str:
    if "labels" in data:
        return f"\n{data['labels']}"
    # the summary of a data set repeats the keys that its sources have told
    left_out = KEYS if "states" in data else ()
    told = {key: value for key, value in data.items() if value and key not in ("funnel", "lengths", *left_out)}
    steps = [_passed(stage, step) for step in data.get("funnel", []) if len(step) > 2]
    return "\n".join([*steps, "  " + stage + " " + "  ".join(f"{key}={_plain(value)}" for key, value in told.items())])


def _estimated(stage: str, data: dict[str, Any]) -> str:
    phases = ", ".join(f"{phase} {size / 1e6:,.0f} MB" for phase, size in data["memory"].items())
    largest = data["largest_batch"]
    batch = f"the largest batch has {largest['sequences']} sequences of at most {largest['longest']} tokens"
    return f"  {stage} expects memory: {phases}; {batch}"


def _plain(value: Any) -> str:
    return ", ".join(f"{name} {count}" for name, count in value.items()) if isinstance(value, dict) else str(value)


def _passed(stage: str, step: dict[str, Any]) -> str:
    """Describe the rows kept, changed and rejected by a data step."""
    done = "  ".join(f"{count} {what}" for what, count in step.items() if what not in ("step", "rows"))
    return f"  {stage} {step['step']}: {step['rows']} rows  {done}"


_TELLERS: dict[str, Callable[[str, dict[str, Any]], str]] = {
    events.STAGE_STARTED: lambda stage, data: f"… {stage}  {data.get('plugin', '')}".rstrip(),
    events.STAGE_SKIPPED: lambda stage, data: f"✓ {stage}  cached",
    events.STAGE_FINISHED: _finished,
    events.STAGE_FAILED: lambda stage, data: f"✗ {stage}  {data.get('what', '')}",
    events.STEP_FINISHED: _step,
    events.PROGRESS_MADE: _progress,
    events.TRAINING_RESUMED: lambda stage, data: f"  {stage} goes on from step {data['step']} of {data['total']}",
    events.WEIGHTS_CHOSEN: _chosen,
    events.RATES_SWEPT: _swept,
    events.TRAINING_FINISHED: _trained,
    events.DATA_DESCRIBED: _described,
    events.MEMORY_ESTIMATED: _estimated,
    events.WARNING_RAISED: lambda stage, data: f"! {data.get('message', '')}",
    events.SERVER_STARTED: lambda stage, data: f"  serving {data['model']} at {data['url']}",
}
