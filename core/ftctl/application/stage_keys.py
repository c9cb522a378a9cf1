"""Stage keys, and cached results by key."""

from typing import Any

from attrs import frozen

from ftctl.application.app import App
from ftctl.application.spec import RunSpec
from ftctl.application.stage import Stage
from ftctl.ports.model_intake import ModelFacts


@frozen
class PlannedStage:
    """A stage with its key, known once every input is, and the record that an earlier run stored under it."""

    stage: Stage
    key: str | None
    record: dict[str, Any] | None

    @property
    def cached(self) -> bool:
        """Return True if there is a record."""
        return self.record is not None


def look_up(app: App, spec: RunSpec, stages: list[Stage], facts: ModelFacts) -> list[PlannedStage]:
    """Look up the stages of a chain in the cache, as far as the digests of their inputs are known."""
    digests: dict[str, str] = {}
    planned = []
    for stage in stages:
        key = stage_key(spec, stage, facts, digests)
        record = _known(app, stage) or (app.store.recall(key) if key and stage.lasts else None)
        if record:
            digests[stage.name] = str(record["digest"])
        planned.append(PlannedStage(stage, key, record))
    return planned


def model_key(facts: ModelFacts) -> str:
    """Return the stage key of the base model: a digest of its content, independent of its name."""
    return Stage("model", "admit", ()).key({"fingerprint": facts.fingerprint}, 0)


def stage_key(spec: RunSpec, stage: Stage, facts: ModelFacts, digests: dict[str, str]) -> str | None:
    """Return the key of a stage, or ``None`` while an input has not been made."""
    if stage.operation == "admit":
        return model_key(facts)
    if stage.operation == "dataset":
        return stage.key({}, 0)
    if any(source not in digests for source in stage.inputs.values()):
        return None
    return stage.key({role: digests[source] for role, source in stage.inputs.items()}, spec.seed)


def _known(app: App, stage: Stage) -> dict[str, Any] | None:
    """Return the record of a data stage whose data set the run names."""
    digest = stage.settings.get("dataset")
    if digest is None:
        return None
    data = app.store.open("dataset", str(digest))
    return {"kind": data.kind, "digest": data.digest, "metrics": [], "summary": data.facts["summary"]}
