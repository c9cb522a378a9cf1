"""Execute a job: load its backends and call their port."""

import json
from collections.abc import Callable
from typing import Any

from attrs import evolve

from ftctl.application.dataset import build_dataset
from ftctl.application.dataset.foreign import ForeignSource, contained_operator
from ftctl.application.dataset.mixed import MixedSource, Mixing
from ftctl.domain.artifact import Draft
from ftctl.domain.codec import to_plain
from ftctl.domain.event import DATA_DESCRIBED, RATES_SWEPT
from ftctl.domain.job import Job, JobResult, PluginRef
from ftctl.domain.report import Report
from ftctl.domain.split import SplitShares
from ftctl.domain.sweep import Sweep
from ftctl.errors import DataChanged, UsageError
from ftctl.plugin.dataset import is_sealed, read_split
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, SealOperator
from ftctl.ports.data_source import DataSource
from ftctl.whole_file import write_whole
from ftctl.worker.evaluation import evaluate
from ftctl.worker.instantiate import ask, frozen, make, packages


def execute(job: Job, context: StageContext) -> JobResult:
    """Run the job; its files are in ``context.out`` afterwards.

    Raises:
        FtctlError: what the backend raised.
    """
    result = _OPERATIONS[job.operation](job, context)
    return JobResult(result.draft, result.metrics, result.summary, packages())


def _dataset(job: Job, context: StageContext) -> JobResult:
    settings = job.settings
    count = settings["sources"]
    sources = [(plugin.name, _source(plugin)) for plugin in job.plugins[:count]]
    steps = [(plugin.name, _operator(plugin)) for plugin in job.plugins[count:]]
    made: list[DataSource | DataOperator] = [one for _, one in sources] + [one for _, one in steps]
    source = MixedSource(sources, Mixing(**frozen(settings["mixing"]))) if len(sources) > 1 else sources[0][1]
    shares, engine = SplitShares(**settings["split"]), make(job.parts["engine"]) if "engine" in job.parts else None
    try:
        draft = build_dataset(source, shares, settings["skip_invalid"], context, steps, engine)
    finally:
        if engine:
            engine.close()
    if [one.fingerprint() for one in made] != settings["fingerprints"]:
        raise DataChanged("the data changed while it was read", next_step="run the same command again")
    facts = draft.facts | {"recipe": {name: settings[name] for name in ("recipe", "mixing", "split", "data_seed")}}
    if steps and isinstance(steps[-1][1], SealOperator):
        facts["sealed"] = {"use": job.plugins[-1].name, "options": job.plugins[-1].options}
    return JobResult(evolve(draft, facts=facts), (), draft.facts["summary"])


def _source(reference: PluginRef) -> DataSource:
    made: DataSource = make(reference)
    return ForeignSource(made, str(reference)) if reference.owner else made


def _operator(reference: PluginRef) -> DataOperator:
    made: DataOperator = make(reference)
    return contained_operator(made, str(reference)) if reference.owner else made


def _tune(job: Job, context: StageContext) -> JobResult:
    objective = make(job.parts["objective"])
    draft: Draft = ask(job.plugins[0], "tune", job.inputs["model"], job.inputs["data"], objective, context)
    return JobResult(draft, (), dict(draft.facts.get("training", {})))


def _prepare(job: Job, context: StageContext) -> JobResult:
    objective, inputs = make(job.parts["objective"]), (job.inputs["model"], job.inputs["data"])
    told: dict[str, Any] = ask(job.plugins[0], "prepare", *inputs, objective, context)
    write_whole(context.out / "rows.json", json.dumps(told, indent=1))
    return JobResult(Draft("preparation", "json", told), (), told)


def _labels(job: Job, context: StageContext) -> JobResult:
    if is_sealed(job.inputs["data"]):
        text = "the data set is encrypted, and labels that are shown would stay in the run's record"
        raise UsageError(text, next_step="leave --show-labels out")
    objective, count = make(job.parts["objective"]), job.settings["count"]
    shown = ask(job.plugins[0], "labels", job.inputs["model"], job.inputs["data"], objective, count)
    for text in shown:
        context.emit(DATA_DESCRIBED, labels=text)
    return JobResult(None, (), {"labels": len(shown)})


def _sweep(job: Job, context: StageContext) -> JobResult:
    objective = make(job.parts["objective"])
    found: Sweep = ask(job.plugins[0], "sweep", job.inputs["model"], job.inputs["data"], objective, context)
    context.emit(RATES_SWEPT, **to_plain(found))
    return JobResult(None, (), to_plain(found))


def _compress(job: Job, context: StageContext) -> JobResult:
    data = job.inputs.get("data")
    calibration = list(read_split(data, "train", limit=256)) if data else []
    draft: Draft = ask(job.plugins[0], "compress", job.inputs["model"], calibration, context)
    told = {name: draft.facts[name] for name in ("compression", "merge") if name in draft.facts}
    return JobResult(draft, (), {key: value for facts in told.values() for key, value in facts.items()})


def _verify(job: Job, context: StageContext) -> JobResult:
    assert job.endpoint is not None
    report: Report = ask(job.plugins[0], "verify", job.inputs["model"], job.endpoint, context)
    return JobResult(None, report.metrics, dict(report.notes))


_OPERATIONS: dict[str, Callable[[Job, StageContext], JobResult]] = {
    "dataset": _dataset,
    "labels": _labels,
    "sweep": _sweep,
    "prepare": _prepare,
    "tune": _tune,
    "compress": _compress,
    "evaluate": evaluate,
    "verify": _verify,
}
