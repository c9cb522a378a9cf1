"""Metrics of a previous run."""

from pathlib import Path
from typing import Any

from ftctl.application.app import App
from ftctl.application.model_metrics import Measured
from ftctl.application.model_variants import SERVED, STAGES, TUNED
from ftctl.application.run_record import recorded_run
from ftctl.domain.codec import from_plain
from ftctl.domain.metric import Metric
from ftctl.errors import UsageError

EARLIER = "run:"
"""How a gate names an earlier run."""


def measured_in(app: App, reference: str) -> Measured:
    """Return the metrics of a model variant of a previous run.

    Args:
        app: whose workspace holds the run.
        reference: the run, or the beginning of its name, with ``:base``, ``:tuned``, ``:compressed`` or ``:served``;
            unless said, the tuned model, or the server where nothing was tuned.

    Raises:
        UsageError: there is no such run, or that model was not measured in it.
        ArtifactCorrupt: its evaluation is damaged.
    """
    name, _, subject = reference.partition(":")
    found = [run for run in app.journals.ids() if run == name] or [
        run for run in app.journals.ids() if run.startswith(name)
    ]
    if len(found) != 1:
        said = f"{len(found)} runs match this prefix" if found else "no such run"
        raise UsageError(f"run {name}: {said}", next_step="`ftctl runs list` shows all of them")
    document = recorded_run(app.journals.open(found[0])) or {}
    subject = subject or usual(document)
    metrics = {
        metric: from_plain(told, Metric) for metric, told in document.get("metrics", {}).get(subject, {}).items()
    }
    made = [one["artifact"] for one in document.get("stages", ()) if one["name"] == STAGES[subject] and one["artifact"]]
    if not metrics or not made:
        raise UsageError(f"run {found[0]}: its {subject} model was not measured")
    data = [one["artifact"] for one in document["stages"] if one["name"] == "data" and one["artifact"]]
    report = app.store.open(*made[0].split("/", 1))
    app.store.verify(report)
    folder = Path(report.path)
    return Measured(metrics, folder, data[0].partition("/")[2] if data else "")


def usual(document: dict[str, Any]) -> str:
    """Return the model variant that is meant where a run is named alone."""
    return SERVED if SERVED in document.get("metrics", {}) and TUNED not in document["metrics"] else TUNED
