"""From a job to its result: loads the backends that it names and calls their port."""

import json
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from attrs import evolve

from ftctl.application.dataset import build_dataset
from ftctl.application.dataset.mixed import MixedSource, Mixing
from ftctl.domain.artifact import Draft, served_model
from ftctl.domain.codec import digest, to_plain
from ftctl.domain.event import DATA_DESCRIBED, METRIC_RECORDED, RATES_SWEPT, WARNING_RAISED
from ftctl.domain.job import Job, JobResult, PluginRef
from ftctl.domain.report import Report
from ftctl.domain.split import SplitShares
from ftctl.domain.sweep import Sweep
from ftctl.errors import BackendFailed, DataChanged, FtctlError, NoUsableRows, PluginBroken, UsageError
from ftctl.plugin.dataset import is_sealed, read_split
from ftctl.plugin.offer import load
from ftctl.plugin.returned import returned
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import SealOperator
from ftctl.ports.target import Target
from ftctl.ports.target_loader import TargetLoader
from ftctl.worker.remembered_target import RememberedTarget
from ftctl.worker.replies import Replies

TRACKED = (
    "ftctl",
    "torch",
    "transformers",
    "peft",
    "tokenizers",
    "safetensors",
    "bitsandbytes",
    "numpy",
    "llmcompressor",
)
"""Packages whose versions go into the lineage."""


def execute(job: Job, context: StageContext) -> JobResult:
    """Runs the job; its files are in ``context.out`` afterwards.

    Raises:
        FtctlError: what the backend raised.
    """
    result = _OPERATIONS[job.operation](job, context)
    return JobResult(result.draft, result.metrics, result.summary, _packages())


def make(reference: PluginRef) -> Any:
    """The backend that the reference names.

    Raises:
        PluginBroken: it is not there, or cannot be made.
    """
    try:
        return load(reference.factory)(load(reference.options_path)(**_frozen(reference.options)))
    except (FtctlError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        remedy = f"install it again: pip install '{reference.owner.replace(' ', '==')}'" if reference.owner else ""
        raise PluginBroken(f"{reference} cannot be used: {type(error).__name__}: {error}", next_step=remedy) from error


def ask(reference: PluginRef, method: str, *arguments: Any) -> Any:
    """What the backend's method returns, made for this one question.

    Raises:
        PluginBroken: it is not there, or returns what its port does not.
    """
    return returned(getattr(make(reference), method), str(reference), *arguments)


def _frozen(options: dict[str, Any]) -> dict[str, Any]:
    """JSON has no tuples; options classes have no lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}


def _dataset(job: Job, context: StageContext) -> JobResult:
    settings = job.settings
    made = [(plugin.name, make(plugin)) for plugin in job.plugins]
    sources, steps = made[: settings["sources"]], made[settings["sources"] :]
    source = MixedSource(sources, Mixing(**_frozen(settings["mixing"]))) if len(sources) > 1 else sources[0][1]
    shares, engine = SplitShares(**settings["split"]), make(job.parts["engine"]) if "engine" in job.parts else None
    try:
        draft = build_dataset(source, shares, settings["skip_invalid"], context, steps, engine)
    finally:
        if engine:
            engine.close()
    if [one.fingerprint() for _, one in made] != settings["fingerprints"]:
        raise DataChanged("the data changed while it was read", next_step="run the same command again")
    facts = draft.facts | {"recipe": {name: settings[name] for name in ("recipe", "mixing", "split", "data_seed")}}
    if steps and isinstance(steps[-1][1], SealOperator):
        facts["sealed"] = {"use": job.plugins[-1].name, "options": job.plugins[-1].options}
    return JobResult(evolve(draft, facts=facts), (), draft.facts["summary"])


def _tune(job: Job, context: StageContext) -> JobResult:
    objective = make(job.parts["objective"])
    draft: Draft = ask(job.plugins[0], "tune", job.inputs["model"], job.inputs["data"], objective, context)
    return JobResult(draft, (), dict(draft.facts.get("training", {})))


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


def _evaluate(job: Job, context: StageContext) -> JobResult:
    if job.settings.get("left_out"):
        said = f"{', '.join(job.settings['left_out'])}: not measured behind the server, which tells no probabilities"
        context.emit(WARNING_RAISED, message=said)
    examples = list(read_split(job.inputs["data"], "test"))
    if not examples and job.settings.get("needs_examples", True):
        raise NoUsableRows("the test split is empty", next_step="give it a share: data_source.split.test")
    asked = _target(job)
    target = RememberedTarget(asked, _replies(job, asked, context), context)
    reports = [ask(plugin, "evaluate", target, examples, context) for plugin in job.plugins]
    missing = {name: text for report in reports for name, text in _missing(report).items()}
    if is_sealed(job.inputs["data"]):
        reports = [evolve(report, records=tuple(map(_untold, report.records)), notes={}) for report in reports]
    for report in reports:
        _write_report(report, context.out)
        for metric in report.metrics:
            context.emit(METRIC_RECORDED, **to_plain(metric))
    metrics = tuple(metric for report in reports for metric in report.metrics)
    notes = {name: text for report in reports for name, text in report.notes.items()} | missing
    return JobResult(Draft("report", "ftctl-report", {"notes": notes}), metrics, notes)


def _missing(report: Report) -> dict[str, str]:
    """How many questions no figure counts, because their answers did not come."""
    errors = sum(bool(record.get("error")) for record in report.records)
    told = f"{errors} of {len(report.records)} examples were not answered, and no figure counts them"
    return {f"{report.evaluator}: missing": told} if errors else {}


def _target(job: Job) -> Target:
    loader: TargetLoader = make(job.parts["loader"])
    if job.endpoint is None:
        return loader.load(job.inputs["model"])
    model = served_model(job.endpoint, job.inputs.get("model"))
    reasons = loader.probe(model, scores=bool(job.settings.get("scores"))).reasons
    if reasons:
        text = f"{job.endpoint.url} cannot be measured: {'; '.join(reasons)}"
        raise BackendFailed(text, next_step="see the server's log, or leave out the evaluators that score")
    return loader.load(model)


def _replies(job: Job, target: Target, context: StageContext) -> Replies:
    """What this very model has answered before, in whatever run.

    Answers to encrypted rows stay in the stage's folder, which goes when it is done; those of a server too, by the name
    of its model, for nobody knows which one will be there tomorrow.
    """
    model, kept, loader = job.inputs.get("model"), job.settings.get("replies"), job.parts["loader"]
    own = model and [model.digest, model.base and model.base.digest]
    who = digest([own, target.name, loader.factory, loader.options, loader.owner, _packages()])[:16]
    if kept is None or job.endpoint or is_sealed(job.inputs["data"]):
        return Replies(context.work / "replies" / who, "answers")
    return Replies(Path(kept, who), job.key[:16])


def _untold(record: dict[str, Any]) -> dict[str, Any]:
    """A record of an example that nobody may read: its place, its figures, and whether an answer did not come.

    What it belongs together with is kept as a digest: figures are counted by it.
    """
    told = {key: value for key, value in record.items() if key == "where" or isinstance(value, int | float)}
    told |= {"cluster": digest(str(record["cluster"]))[:16]} if "cluster" in record else {}
    return told | ({"error": "not answered"} if record.get("error") else {})


def _write_report(report: Report, out: Path) -> None:
    document = {"metrics": to_plain(report.metrics), "notes": report.notes}
    (out / f"{report.evaluator}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    with (out / f"{report.evaluator}.samples.jsonl").open("w", encoding="utf-8") as lines:
        for record in report.records:
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")


def _verify(job: Job, context: StageContext) -> JobResult:
    assert job.endpoint is not None
    report: Report = ask(job.plugins[0], "verify", job.inputs["model"], job.endpoint, context)
    return JobResult(None, report.metrics, dict(report.notes))


_OPERATIONS: dict[str, Callable[[Job, StageContext], JobResult]] = {
    "dataset": _dataset,
    "labels": _labels,
    "sweep": _sweep,
    "tune": _tune,
    "compress": _compress,
    "evaluate": _evaluate,
    "verify": _verify,
}


def _packages() -> dict[str, str]:
    found = {}
    for name in TRACKED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
