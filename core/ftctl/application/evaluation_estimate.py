"""Estimate an evaluation: examples, detectable differences, requests, tokens, seconds."""

from collections.abc import Sequence
from typing import Any

from ftctl.application.app import App
from ftctl.application.backend_calls import ask
from ftctl.application.spec import Backend, RunSpec
from ftctl.application.stage_keys import PlannedStage
from ftctl.application.throughput_history import recorded_throughput
from ftctl.domain.codec import to_plain
from ftctl.domain.evaluation_cost import EvaluationCost, Throughput, total_requests
from ftctl.domain.statistics.power import smallest_shown
from ftctl.errors import FtctlError


def estimate_evaluation(spec: RunSpec, stages: Sequence[PlannedStage], pace: Throughput) -> dict[str, Any] | None:
    """Estimate what evaluating one model takes; ``None`` before the data stage is done, or without evaluators.

    Returns:
        examples of the test split, the smallest difference of two shares that they show, the same for evaluators that
        take fewer examples, requests and tokens, and seconds where this model was measured here before.
    """
    data = next((planned.record for planned in stages if planned.stage.name == "data"), None)
    examples = (data or {}).get("summary", {}).get("splits", {}).get("test")
    if examples is None or not spec.evaluators:
        return None
    found = [(one.offer.name, _asks(one, examples)) for one in spec.evaluators]
    asked = total_requests(found)
    told = {"examples": examples, "smallest_shown": smallest_shown(examples), "asks": to_plain(asked)}
    fewer = [
        {"evaluator": name, "examples": one.split, "smallest_shown": smallest_shown(one.split)}
        for name, one in found
        if one is not None and 0 < one.split < examples
    ]
    return told | {"fewer": fewer, "seconds": pace.seconds(asked)}


def _asks(evaluator: Backend, examples: int) -> EvaluationCost | None:
    """Ask an evaluator for its cost; ``None`` where it fails, since an estimate is no reason to end a run."""
    if evaluator.offer.environment != "default" and not evaluator.outside:
        return None
    try:
        told = ask(evaluator, "asks", examples)
    except FtctlError:
        return None
    return told if isinstance(told, EvaluationCost) else None


def measured_throughput(app: App, spec: RunSpec, planned: Sequence[PlannedStage]) -> Throughput:
    """Return how fast the base model, or the endpoint, answered in this workspace before."""
    model = next((one.record for one in planned if one.stage.operation == "admit"), None)
    who = spec.endpoint.model if spec.endpoint else (model or {}).get("digest", "")
    return recorded_throughput(app.workspace / "replies", who)
