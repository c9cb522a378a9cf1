"""What an earlier run has measured."""

from pathlib import Path

from ftctl.application.app import App
from ftctl.application.measured import Measured
from ftctl.domain.codec import from_plain
from ftctl.domain.metric import Metric
from ftctl.errors import UsageError

EARLIER = "run:"
"""How a gate names an earlier run."""

STAGES = {"base": "baseline", "tuned": "evaluate", "compressed": "evaluate-compressed"}
"""The stage that measures each model of a run."""


def measured_in(app: App, reference: str) -> Measured:
    """What was measured on a model of an earlier run.

    Args:
        app: whose workspace holds the run.
        reference: the run, or the beginning of its name, with ``:base``, ``:tuned`` (unless said otherwise) or
            ``:compressed``.

    Raises:
        UsageError: there is no such run, or that model was not measured in it.
    """
    name, _, subject = reference.partition(":")
    subject = subject or "tuned"
    found = [run for run in app.journals.ids() if run == name] or [
        run for run in app.journals.ids() if run.startswith(name)
    ]
    if len(found) != 1:
        said = f"{len(found)} runs begin so" if found else "no such run"
        raise UsageError(f"run {name}: {said}", next_step="`ftctl runs list` shows all of them")
    document = app.journals.open(found[0]).read("run.json") or {}
    metrics = {
        metric: from_plain(told, Metric) for metric, told in document.get("metrics", {}).get(subject, {}).items()
    }
    made = [one["artifact"] for one in document.get("stages", ()) if one["name"] == STAGES[subject] and one["artifact"]]
    if not metrics or not made:
        raise UsageError(f"run {found[0]}: its {subject} model was not measured")
    data = [one["artifact"] for one in document["stages"] if one["name"] == "data" and one["artifact"]]
    folder = Path(app.store.open(*made[0].split("/", 1)).path)
    return Measured(metrics, folder, data[0].partition("/")[2] if data else "")
