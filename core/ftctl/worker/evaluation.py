"""Evaluate operation: load or reach one model once, and run all evaluators of the stage on it."""

import json
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from attrs import evolve

from ftctl.application.model_variants import REPORTS
from ftctl.application.throughput_history import record_throughput
from ftctl.domain.artifact import Artifact, Draft, served_model
from ftctl.domain.codec import digest, from_plain, to_plain
from ftctl.domain.evaluation_cost import Throughput
from ftctl.domain.event import METRIC_RECORDED, WARNING_RAISED
from ftctl.domain.example import Example
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.job import Job, JobResult, PluginRef
from ftctl.domain.metric import Metric
from ftctl.domain.report import Report
from ftctl.errors import BackendFailed, DataChanged, NoUsableRows
from ftctl.plugin.dataset import is_sealed, read_split
from ftctl.ports.context import StageContext
from ftctl.ports.target import Target
from ftctl.worker.answer_store import AnswerStore
from ftctl.worker.cached_target import CachedTarget
from ftctl.worker.finished_reports import Finished, copy_new
from ftctl.worker.instantiate import ask, packages

MANIFEST = "manifest.json"
SAMPLES = ".samples.jsonl"


def evaluate(job: Job, context: StageContext) -> JobResult:
    """Run the evaluators of a stage on one model and write their reports."""
    if job.settings.get("left_out"):
        who = ", ".join(job.settings["left_out"])
        context.emit(
            WARNING_RAISED, message=f"{who}: not measured behind the server, which does not tell what they need"
        )
    metrics, notes = _gathered(job, context.out)
    gathered, gathered_files = dict(notes), {path.name for path in context.out.iterdir()}
    try:
        reports = _reports(job, context) if job.plugins else []
        _refuse_changed(job, job.plugins)
    finally:
        if is_sealed(job.inputs["data"]):
            _take_away(context, gathered_files)
    missing = {name: text for report in reports for name, text in _missing(report).items()}
    if is_sealed(job.inputs["data"]):
        reports = [evolve(report, records=tuple(map(_untold, report.records)), notes={}) for report in reports]
    for report in reports:
        _write_report(report, context.out)
        for metric in report.metrics:
            context.emit(METRIC_RECORDED, **to_plain(metric))
    metrics += [metric for report in reports for metric in report.metrics]
    notes |= {name: text for report in reports for name, text in report.notes.items()} | missing
    # what was gathered was told by the stage that it comes from
    told = {name: text for name, text in notes.items() if name not in gathered}
    return JobResult(Draft("report", "ftctl-report", {"notes": notes}), tuple(metrics), told)


def _take_away(context: StageContext, stays: set[str]) -> None:
    """Delete files that evaluators wrote about encrypted rows."""
    for path in sorted(context.out.iterdir()):
        if path.name not in stays:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            said = f"{path.name} is not kept: the data set is encrypted, and it may tell its rows"
            context.emit(WARNING_RAISED, message=said)


def _refuse_changed(job: Job, plugins: Iterable[PluginRef]) -> None:
    """Raise `DataChanged` where files that evaluators read are not those that the run was planned with."""
    planned = job.settings.get("fingerprints", {})
    changed = [one.name for one in plugins if one.name in planned and ask(one, "fingerprint") != planned[one.name]]
    if changed:
        text = f"files that {', '.join(changed)} reads changed since the run was planned"
        raise DataChanged(text, next_step="run the same command again")


def _reports(job: Job, context: StageContext) -> list[Report]:
    examples = list(read_split(job.inputs["data"], "test"))
    if not examples and job.settings.get("needs_examples", True):
        raise NoUsableRows("the test split is empty", next_step="give it a share: data_source.split.test")
    asked = _target(job)
    target = CachedTarget(asked, _replies(job, asked, context), context)
    context = evolve(context, training=lambda: read_split(job.inputs["data"], "train"), base=_base(job, context))
    reports = _measured(job, target, examples, context, Finished(context.work / "finished" / _who(job, asked)))
    if job.settings.get("replies") and target.pace() != Throughput():
        # a hint for the next plan, and nothing that an evaluation should fail for
        with suppress(OSError):
            record_throughput(Path(job.settings["replies"]), _planned_as(job), target.pace())
    return reports


def _measured(
    job: Job, target: Target, examples: list[Example], context: StageContext, finished: Finished
) -> list[Report]:
    """Return the report of each evaluator; for encrypted rows nothing is kept for another try."""
    programs = {name: from_plain(one, Interpreter) for name, one in job.settings.get("programs", {}).items()}

    def measure(plugin: PluginRef, out: Path) -> Report:
        own = evolve(context, out=out, program=programs.get(plugin.name))
        report: Report = ask(plugin, "evaluate", target, examples, own)
        # before it is kept: on the next try the file may be the planned one again
        _refuse_changed(job, [plugin])
        return report

    if is_sealed(job.inputs["data"]):
        return [measure(plugin, context.out) for plugin in job.plugins]
    reports = [finished.report(plugin.name, partial(measure, plugin)) for plugin in job.plugins]
    for plugin in job.plugins:
        finished.copy(plugin.name, context.out)
    return reports


def _base(job: Job, context: StageContext) -> Callable[[], Target | None]:
    """Return a function that loads the base model once, for evaluators that ask for it."""
    if "base" not in job.inputs:
        return lambda: None
    own = evolve(job, inputs={"model": job.inputs["base"], "data": job.inputs["data"]},
                 parts={"loader": job.parts["base_loader"]}, endpoint=None)  # fmt: skip

    @cache
    def load() -> Target:
        target = _target(own)
        return CachedTarget(target, _replies(own, target, context), context)

    return load


def _planned_as(job: Job) -> str:
    """Return the name under which the next plan looks up throughput: the base's digest, or the served name."""
    return str(job.settings.get("admitted") or (job.endpoint.model if job.endpoint else ""))


def _gathered(job: Job, out: Path) -> tuple[list[Metric], dict[str, str]]:
    """Collect metrics and files of evaluators that ran in other environments on the same model."""
    metrics: list[Metric] = []
    notes: dict[str, str] = {}
    for role, report in sorted(job.inputs.items()):
        if not role.startswith(REPORTS):
            continue
        for path in sorted(Path(report.path).iterdir()):
            if path.name == MANIFEST:
                continue
            copy_new(path, out)
        for path in sorted(Path(report.path).glob(f"*{SAMPLES}")):
            told = json.loads((path.parent / f"{path.name.removesuffix(SAMPLES)}.json").read_text(encoding="utf-8"))
            metrics += [from_plain(one, Metric) for one in told["metrics"]]
        notes |= report.facts["notes"]
    return metrics, notes


def _missing(report: Report) -> dict[str, str]:
    """Return a note with the number of unanswered questions, which no metric counts."""
    errors = sum(bool(record.get("error")) for record in report.records)
    told = f"{errors} of {len(report.records)} examples were not answered, and no figure counts them"
    return {f"{report.evaluator}: missing": told} if errors else {}


def _target(job: Job) -> Target:
    loader = job.parts["loader"]
    if job.endpoint is None:
        return _loaded(loader, job.inputs["model"])
    model = served_model(job.endpoint, job.inputs.get("model"))
    reasons = ask(loader, "probe", model, scores=bool(job.settings.get("scores"))).reasons
    if reasons:
        text = f"{job.endpoint.url} cannot be measured: {'; '.join(reasons)}"
        raise BackendFailed(text, next_step="see the server's log, or leave out the evaluators that score")
    return _loaded(loader, model)


def _loaded(reference: PluginRef, model: Artifact) -> Target:
    found: Target = ask(reference, "load", model)
    return found


def _replies(job: Job, target: Target, context: StageContext) -> AnswerStore:
    """Return the store of answers that this exact model gave before, in any run.

    Answers to encrypted rows stay in the stage's folder, which goes when it is done; those of a server too, by the name
    of its model, for nobody knows which one will be there tomorrow.
    """
    kept, who = job.settings.get("replies"), _who(job, target)
    if kept is None or job.endpoint or is_sealed(job.inputs["data"]):
        return AnswerStore(context.work / "replies" / who, "answers")
    return AnswerStore(Path(kept, who), job.key[:16])


def _who(job: Job, target: Target) -> str:
    """Return the identity of the loaded model; that of a server may differ at the next try."""
    model, loader = job.inputs.get("model"), job.parts["loader"]
    own = model and [model.digest, model.base and model.base.digest]
    return digest([own, target.name, loader.factory, loader.options, loader.owner, packages()])[:16]


def _untold(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without text: its place, its figures, and whether an answer is missing.

    What it belongs together with is kept as a digest: figures are counted by it.
    """
    told = {key: value for key, value in record.items() if key == "where" or isinstance(value, int | float)}
    told |= {"cluster": digest(str(record["cluster"]))[:16]} if "cluster" in record else {}
    return told | ({"error": "not answered"} if record.get("error") else {})


def _write_report(report: Report, out: Path) -> None:
    document = {"metrics": to_plain(report.metrics), "notes": report.notes}
    (out / f"{report.evaluator}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    with (out / f"{report.evaluator}{SAMPLES}").open("w", encoding="utf-8") as lines:
        for record in report.records:
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")
