"""Collect the content of a report from the journal and the artifacts."""

import contextlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.application.dataset.inspect import samples
from ftctl.application.model_variants import STAGES
from ftctl.application.run_record import recorded_run
from ftctl.domain import event as events
from ftctl.errors import UsageError
from ftctl.plugin import is_sealed
from ftctl.ports.artifact_store import ArtifactStore
from ftctl.ports.run_journal import RunJournal
from ftctl.redact import redacted
from ftctl_adapters.report.comparison import Comparison, compare
from ftctl_adapters.report.interpretability import LOOKING
from ftctl_adapters.report.manifest import manifest
from ftctl_adapters.report.pii_masking import Hide, hiding
from ftctl_adapters.report.tables import slice_rows

SUBJECTS = {stage: subject for subject, stage in STAGES.items()}
SHOWN = 10
QUOTED = ("dataset", "report")
"""Kinds whose rows a report shows."""


@frozen
class Content:
    """Content of a report, shared by its renderings."""

    run: dict[str, Any]
    plan: dict[str, Any]
    spec: str
    data: dict[str, Any]
    rows: list[list[str]]
    """Samples of the data set: split or state, place, text or reason."""
    curves: dict[str, list[tuple[float, float]]]
    examples: list[dict[str, str]]
    lineage: dict[str, Any]
    manifest: dict[str, str]
    bench: dict[str, Any]
    """What lm-evaluation-harness told itself of the last model, where `bench` ran."""
    notes: dict[str, str]
    looked_into: dict[str, list[dict[str, Any]]]
    """What evaluators that look into the last model say of its examples, by their names."""
    slices: list[list[str]]
    """What `shift` says, as a table."""
    measured: dict[str, list[str]]
    """The metrics of the last model by evaluator."""
    comparisons: dict[str, Comparison]
    """By the models that are compared, ``base → tuned``; none where they were measured on no example in common."""


def gather(journal: RunJournal, store: ArtifactStore) -> Content:
    """Collect everything that ``report.md`` and ``report.html`` show."""
    run = recorded_run(journal) or {}
    artifacts = {stage["name"]: stage["artifact"] for stage in run.get("stages", []) if stage["artifact"]}
    folders = {name: _folder(store, reference) for name, reference in artifacts.items()}
    hide = hiding(folders.values())
    spec, lineage = (journal.folder / "run.yaml").read_text(encoding="utf-8"), _lineage(folders)
    versions: dict[str, str] = next((one["packages"] for one in reversed(lineage.values()) if one["packages"]), {})
    plan, data = journal.read("plan.json") or {}, _json(folders.get("data"), "summary.json")
    return Content(
        run=run,
        plan=plan,
        spec=redacted(spec),
        data=data,
        rows=[[kind, where, hide(text)] for kind, where, text in _rows(store, artifacts.get("data"))],
        curves=_curves(journal, _json(folders.get("tune"), "trainer_state.json")),
        examples=_examples(folders, hide),
        lineage=lineage,
        manifest=manifest(folders, spec, versions, origins(plan) | data.get("origins", {})),
        bench=_json(_last(folders), "bench.results.json"),
        notes=hide(_notes(journal)),
        looked_into=hide({name: _records(_last(folders), name) for name in LOOKING}),
        slices=hide(slice_rows({SUBJECTS[one]: _records(folders[one], "shift") for one in SUBJECTS if one in folders})),
        measured=_measured(folders),
        comparisons=_comparisons(folders, hide),
    )


def origins(plan: dict[str, Any]) -> dict[str, str]:
    """Return the commit of a planned model by its name, if it is on the hub."""
    model = plan.get("model", {})
    return {model["reference"]: model["commit"]} if model.get("commit") else {}


def _folder(store: ArtifactStore, reference: str) -> Path:
    """Return the folder of an artifact; what a report quotes from is checked by its hashes."""
    found = store.open(*reference.split("/"))
    if found.kind in QUOTED:
        store.verify(found)
    return Path(found.path)


def _rows(store: ArtifactStore, reference: str | None) -> list[list[str]]:
    if reference is None:
        return []
    data = store.open(*reference.split("/"))
    if is_sealed(data):
        return [["all", "", "encrypted; `ftctl data show` shows samples to whoever has the key"]]
    shown = samples(data)
    kept = [
        [split, row.where, row.text or row.messages[-1].content] for split, rows in shown.splits.items() for row in rows
    ]
    return kept + [[state, one.where, f"{one.operator}: {one.reason}".removeprefix(": ")]
                   for state, entries in shown.states.items() for one in entries]  # fmt: skip


def _json(folder: Path | None, name: str) -> dict[str, Any]:
    if folder is None or not (folder / name).exists():
        return {}
    return dict(json.loads((folder / name).read_text(encoding="utf-8")))


def _curves(journal: RunJournal, state: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return loss curves from the artifact's history, cached stages included; speed from this run's events."""
    found: dict[str, list[tuple[float, float]]] = {}
    for entry in state.get("history", []):
        for key in ("loss", "validation_loss", "learning_rate"):
            if entry.get(key) is not None:
                found.setdefault(key, []).append((entry["step"], entry[key]))
    for event in journal.events():
        if event.kind == events.STEP_FINISHED and "tokens_per_second" in event.data:
            found.setdefault("tokens_per_second", []).append((event.data["step"], event.data["tokens_per_second"]))
    return {key: points for key, points in found.items() if len(points) > 1}


def _examples(folders: dict[str, Path], hide: Hide) -> list[dict[str, str]]:
    """Return the examples that the last model answers worst by F1, with every model's answers."""
    rows: dict[str, dict[str, str]] = {}
    scores: dict[str, float] = {}
    for stage, subject in SUBJECTS.items():
        for record in map(hide, _records(folders.get(stage), "text-metrics")):
            if "prompt" not in record:
                continue  # of an encrypted data set, its figures are kept alone
            row = rows.setdefault(record["where"], {"prompt": record["prompt"], "expected": record["expected"]})
            row[subject] = record["answer"]
            scores[record["where"]] = record["f1"]
    return [rows[where] for where in sorted(rows, key=lambda where: scores[where])[:SHOWN]]


def _last(folders: dict[str, Path]) -> Path | None:
    """Return the evaluation of the last model."""
    return next((folders[stage] for stage in reversed(SUBJECTS) if stage in folders), None)


def _records(folder: Path | None, evaluator: str) -> list[dict[str, Any]]:
    path = folder / f"{evaluator}.samples.jsonl" if folder else None
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path and path.exists() else []


def _measured(folders: dict[str, Path]) -> dict[str, list[str]]:
    last = _last(folders)
    paths = sorted(last.glob("*.samples.jsonl")) if last else []
    found = {path.name.removesuffix(".samples.jsonl"): path for path in paths}
    return {name: [one["name"] for one in _json(last, f"{name}.json").get("metrics", ())] for name in found}


def _comparisons(folders: dict[str, Path], hide: Hide) -> dict[str, Comparison]:
    found = {}
    measured = [stage for stage in SUBJECTS if stage in folders]
    for before, after in pairwise(measured):
        # without numpy, which only some backends bring, a report has no statistics
        with contextlib.suppress(UsageError, ImportError):
            found[f"{SUBJECTS[before]} → {SUBJECTS[after]}"] = compare(folders[before], folders[after], hide)
    return found


def _lineage(folders: dict[str, Path]) -> dict[str, Any]:
    found = {}
    for name, folder in folders.items():
        manifest = _json(folder, "manifest.json")
        lineage = manifest.get("lineage", {})
        found[name] = {
            "artifact": f"{folder.parent.name}/{folder.name}",
            "format": manifest.get("format"),
            "plugin": f"{lineage.get('plugin')} {lineage.get('version')}",
            "inputs": lineage.get("inputs", {}),
            "packages": lineage.get("packages", {}),
        }
    return found


def _notes(journal: RunJournal) -> dict[str, str]:
    notes: dict[str, str] = {}
    for event in journal.events():
        if event.kind == events.STAGE_FINISHED:
            summary = event.data.get("summary") or {}
            notes |= {f"{event.stage}: {key}": value for key, value in summary.items() if isinstance(value, str)}
    return notes
