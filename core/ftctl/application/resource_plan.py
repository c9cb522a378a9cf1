"""Plan the resources of a training: before its rows are read, and again once they are encoded."""

from typing import Any

from attrs import evolve

from ftctl.application.app import App
from ftctl.application.backend_calls import ask
from ftctl.application.spec import RunSpec
from ftctl.application.stage_keys import PlannedStage
from ftctl.domain.codec import to_plain
from ftctl.domain.resources import LargestBatch, ModelShape, ResourcePlan, TrainingData
from ftctl.plugin.offer import load

LARGEST_BATCH = "largest_batch"
"""Name in the figures of `prepare`, and in the notes of a plan."""


def plan_resources(app: App, spec: RunSpec, shape: ModelShape, planned: tuple[PlannedStage, ...]) -> ResourcePlan:
    """Return parameters, steps, memory and disk, as close as what earlier runs have made allows."""
    if spec.endpoint:
        return ResourcePlan(0, 0, {}, 0)
    made = {one.stage.operation: one.record for one in planned if one.record}
    rows = None
    if "dataset" in made:
        rows = int(app.store.open("dataset", str(made["dataset"]["digest"])).facts["splits"].get("train", 0))
    resources: ResourcePlan = ask(spec.tuner, "plan", shape, rows)
    data = TrainingData(rows, load(spec.objective.offer.factory).sequences_per_row)
    resources = _with_memory(spec, shape, resources, data)
    return with_largest_batch(spec, shape, resources, made.get("prepare", {}).get("summary", {}))


def with_largest_batch(
    spec: RunSpec, shape: ModelShape, resources: ResourcePlan, prepared: dict[str, Any]
) -> ResourcePlan:
    """Return the plan for the largest batch that the stage ``prepare`` found; the same plan if it told none."""
    train = prepared.get("train") or {}
    told = train.get(LARGEST_BATCH)
    if not told:
        return resources
    largest = LargestBatch(int(told["sequences"]), int(told["tokens"]))
    data = TrainingData(train.get("rows"), load(spec.objective.offer.factory).sequences_per_row, largest)
    closer = _with_memory(spec, shape, resources, data)
    return evolve(closer, notes=resources.notes | {LARGEST_BATCH: to_plain(largest)})


def _with_memory(spec: RunSpec, shape: ModelShape, resources: ResourcePlan, data: TrainingData) -> ResourcePlan:
    return evolve(resources, memory=resources.memory | ask(spec.tuner, "memory", shape, data))
