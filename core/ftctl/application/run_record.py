"""Read what a run recorded of itself, whatever has become of its files since."""

from typing import Any

from ftctl.errors import RunDamaged
from ftctl.ports.run_journal import RunJournal

RUNNING, KILLED = "running", "killed"
STAGE = ("name", "plugin", "status")
"""What every stage of a record says as text."""


def recorded_run(journal: RunJournal) -> dict[str, Any] | None:
    """Return ``run.json``, as `RunResult.document` made it; ``None`` of a run that recorded nothing yet.

    One that says it is running, and whose processes are gone, was killed: its status is ``killed``.

    Raises:
        RunDamaged: it is no record of a run.
    """
    document = journal.read("run.json")
    if document is not None and not _is_record(document):
        raise damaged(journal, "run.json", "it is no record of a run")
    if document and document["status"] == RUNNING and not journal.is_owned():
        return document | {"status": KILLED}
    return document


def recorded_model(journal: RunJournal) -> dict[str, Any]:
    """Return what ``plan.json`` says of the base model; nothing of a run that was not planned yet.

    Raises:
        RunDamaged: it is no plan.
    """
    model = (journal.read("plan.json") or {}).get("model", {})
    if not isinstance(model, dict):
        raise damaged(journal, "plan.json", "it is no plan of a run")
    return model


def damaged(journal: RunJournal, name: str, why: str) -> RunDamaged:
    """Return the error for a document of a run that cannot be used."""
    path = journal.folder / name
    return RunDamaged(f"{path} is damaged: {why}", next_step="remove that file; finished stages stay")


def _is_record(document: dict[str, Any]) -> bool:
    stages, metrics = document.get("stages"), document.get("metrics")
    if not isinstance(stages, list) or not isinstance(metrics, dict):
        return False
    whole = all(isinstance(one, dict) and _is_stage(one) for one in stages)
    texts = all(isinstance(document.get(name), str) for name in ("run_id", "status", "report"))
    return whole and texts and all(isinstance(found, dict) for found in metrics.values())


def _is_stage(stage: dict[str, Any]) -> bool:
    artifact = stage.get("artifact")
    named = artifact is None or (isinstance(artifact, str) and artifact.count("/") == 1)
    return named and all(isinstance(stage.get(name), str) for name in STAGE)
