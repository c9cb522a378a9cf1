"""Plan the resources of a training: before its rows are read, and again once they are encoded."""

from typing import Any

from attrs import evolve

from ftctl.application.app import App
from ftctl.application.backend_calls import ask
from ftctl.application.spec import RunSpec
from ftctl.application.stage_keys import PlannedStage
from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.resources import LargestBatch, ModelShape, ResourcePlan, TrainingData
from ftctl.plugin.offer import load

LARGEST_BATCH = "largest_batch"
"""Name in the figures of `prepare`, and in the notes of a plan."""


def plan_resources(app: App, spec: RunSpec, shape: ModelShape, planned: tuple[PlannedStage, ...]) -> ResourcePlan:
    """Return parameters, steps, memory and disk, as close as what earlier runs have made allows."""
    if spec.endpoint:
        return ResourcePlan(0, 0, {}, 0)
    made = {one.stage.operation: one.record for one in planned if one.record}
    splits: dict[str, int] = {}
    if "dataset" in made:
        splits = app.store.open("dataset", str(made["dataset"]["digest"])).facts["splits"]
    rows = int(splits.get("train", 0)) if splits else None
    resources: ResourcePlan = ask(spec.tuner, "plan", shape, rows)
    resources = _with_memory(spec, shape, resources, _data(spec, splits))
    return with_largest_batch(spec, shape, resources, splits, made.get("prepare", {}).get("summary", {}))


def with_largest_batch(
    spec: RunSpec, shape: ModelShape, resources: ResourcePlan, splits: dict[str, int], prepared: dict[str, Any]
) -> ResourcePlan:
    """Return the plan for the largest batch that the stage ``prepare`` found; the same plan if it told none."""
    told = (prepared.get("train") or {}).get(LARGEST_BATCH)
    if not told:
        return resources
    largest = from_plain(told, LargestBatch)
    closer = _with_memory(spec, shape, resources, evolve(_data(spec, splits), largest_batch=largest))
    return evolve(closer, notes=resources.notes | {LARGEST_BATCH: to_plain(largest)})


def _data(spec: RunSpec, splits: dict[str, int]) -> TrainingData:
    """Return what is known of the rows; ``splits`` are their numbers, empty before they have been read."""
    sequences = load(spec.objective.offer.factory).sequences_per_row
    return TrainingData(splits.get("train"), sequences, test_rows=splits.get("test"))


def _with_memory(spec: RunSpec, shape: ModelShape, resources: ResourcePlan, data: TrainingData) -> ResourcePlan:
    return evolve(resources, memory=resources.memory | ask(spec.tuner, "memory", shape, data))
