"""Run one stage in a worker and commit its result as an artifact."""

import shutil
from pathlib import Path
from typing import Any

from attrs import define, field

from ftctl.application.app import App
from ftctl.application.event_bus import EventBus
from ftctl.application.spec import RunSpec
from ftctl.application.stage import Stage
from ftctl.domain.artifact import Artifact, Draft, Lineage
from ftctl.domain.codec import to_plain
from ftctl.domain.event import WARNING_RAISED
from ftctl.domain.format import ADAPTERS
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.job import Job, JobResult
from ftctl.domain.launch import Endpoint
from ftctl.errors import ArtifactCorrupt, ModelMismatch, PluginBroken
from ftctl.ports.model_intake import ChatTemplate, ModelFacts
from ftctl.ports.run_journal import RunJournal


@define
class StageRunner:
    """Runner of one run's stages; remembers their artifacts by stage name."""

    app: App
    spec: RunSpec
    journal: RunJournal
    bus: EventBus
    made: dict[str, Artifact] = field(factory=dict)
    _checked: set[str] = field(factory=set)

    def reopen(self, stage: Stage, record: dict[str, Any]) -> None:
        """Reopen the result of an earlier run."""
        kind = str(record["kind"])
        self.made[stage.name] = self.whole(self.app.store.open(kind, str(record["digest"])))

    def admit(self, stage: Stage, key: str, facts: ModelFacts, folder: Path) -> dict[str, Any]:
        """Admit the base model as a view of safe files."""
        out = folder / "out"
        if facts.left_out:
            names = ", ".join(facts.left_out)
            self.bus.emit(WARNING_RAISED, stage.name, message=f"files left out of the model's view: {names}")
        chat = ChatTemplate(self.spec.chat_template or "", facts.template_date)
        draft = self.app.intake.admit(self.spec.model, self.spec.model_revision, out, chat)
        told = {"commit": facts.commit, "chat_template": chat.source, "template_date": chat.date}
        named = {"model": self.spec.model} | {name: value for name, value in told.items() if value}
        lineage = Lineage(stage.name, "model-intake", "1", named, {"source": facts.fingerprint})
        return self.keep(stage, key, draft, JobResult(draft), lineage, out)

    def execute(self, stage: Stage, key: str, folder: Path, endpoint: Endpoint | None = None) -> dict[str, Any]:
        """Run the stage's job and commit its draft; return the record for the cache."""
        inputs = {role: self.made[source] for role, source in stage.inputs.items()}
        self.check(inputs)
        job = Job(
            key=key,
            stage=stage.name,
            operation=stage.operation,
            plugins=tuple(backend.reference() for backend in stage.backends),
            inputs=inputs,
            seed=self.spec.seed,
            settings=stage.settings | stage.limits | self.shared() | self.programs(stage),
            parts={role: backend.reference() for role, backend in stage.helpers().items()},
            launcher=stage.launcher.reference() if stage.launcher else None,
            endpoint=endpoint,
        )
        result = self.app.jobs.run(job, folder, self.python(stage), self.bus.carry)
        self.still_whole(stage, inputs)
        self.refuse_other_format(stage, result, folder / "out")
        if result.draft is None:
            shutil.rmtree(folder / "work", ignore_errors=True)
            return {"summary": result.summary, "metrics": to_plain(result.metrics)}
        lineage = self.lineage(stage, key, result, inputs)
        draft = self.with_base(result.draft, inputs)
        record = self.keep(stage, key, draft, result, lineage, folder / "out")
        shutil.rmtree(folder / "work", ignore_errors=True)
        return record

    def shared(self) -> dict[str, Any]:
        """Return folders shared between runs, and the base model: no part of any result."""
        folders = {name: str(self.app.workspace / name) for name in ("answers", "replies", "tokens")}
        return folders | ({"admitted": self.made["model"].digest} if "model" in self.made else {})

    def keep(
        self, stage: Stage, key: str, draft: Draft, result: JobResult, lineage: Lineage, out: Path
    ) -> dict[str, Any]:
        """Commit the draft and store it under the stage's key."""
        artifact = self.app.store.commit(out, draft, lineage)
        self.made[stage.name] = self.whole(artifact)
        record = {
            "kind": artifact.kind,
            "digest": artifact.digest,
            "metrics": to_plain(result.metrics),
            "summary": result.summary,
            "peak_rss_bytes": result.peak_rss_bytes,
        }
        self.app.store.remember(key, record)
        return record

    def check(self, inputs: dict[str, Artifact]) -> None:
        """Verify the hash of every input once a run."""
        for artifact in inputs.values():
            for part in (artifact, artifact.base):
                if part and part.digest not in self._checked:
                    self.app.store.verify(part)
                    self._checked.add(part.digest)

    def refuse_other_format(self, stage: Stage, result: JobResult, out: Path) -> None:
        """Refuse a model in another format than its backend announced, or without files.

        Raises:
            PluginBroken: with backend and distribution.
        """
        if stage.operation not in ("tune", "compress") or result.draft is None:
            return
        offer, made = stage.backends[0].offer, result.draft.format
        whose = f"{offer.port} {offer.full_name} {offer.version}"
        if made not in offer.produces:
            raise PluginBroken(f"{whose} made the format {made}, and announces {', '.join(offer.produces)}")
        if not any(path.is_file() for path in out.rglob("*")):
            raise PluginBroken(f"{whose} wrote no file of its {result.draft.kind}")

    def still_whole(self, stage: Stage, inputs: dict[str, Artifact]) -> None:
        """Verify the inputs again after a third-party backend had them.

        Raises:
            PluginBroken: it changed one.
        """
        others = sorted({one.offer.owner for one in (*stage.backends, *stage.parts.values()) if one.offer.owner})
        given = [part for artifact in inputs.values() for part in (artifact, artifact.base) if part]
        for part in given if others else ():
            try:
                self.app.store.verify(part)
            except ArtifactCorrupt as error:
                text = f"{stage.plugin} of {', '.join(others)} changed what it was given to read: {error.what}"
                step = f"remove {part.path}; the same command makes it again"
                raise PluginBroken(text, next_step=step) from error

    def whole(self, artifact: Artifact) -> Artifact:
        """Return an adapter together with its base model.

        Raises:
            ModelMismatch: its base is not the base of this run.
        """
        if artifact.format not in ADAPTERS:
            return artifact
        wanted = str(artifact.facts.get("base"))
        base = next((made for made in self.made.values() if made.digest == wanted), None)
        if base is None:
            found = self.made["model"].digest[:12]
            raise ModelMismatch(f"{artifact.id} belongs to the base model {wanted[:12]}, not to {found}")
        return Artifact(artifact.kind, artifact.format, artifact.digest, artifact.path, artifact.facts, base)

    def with_base(self, draft: Draft, inputs: dict[str, Artifact]) -> Draft:
        """Add the digest of the base model to the facts of an adapter."""
        if draft.format not in ADAPTERS:
            return draft
        return Draft(draft.kind, draft.format, draft.facts | {"base": inputs["model"].digest})

    def lineage(self, stage: Stage, key: str, result: JobResult, inputs: dict[str, Artifact]) -> Lineage:
        """Return the lineage of a stage's artifact."""
        return Lineage(
            stage=stage.name,
            plugin="+".join(backend.offer.full_name for backend in stage.backends),
            version="+".join(backend.offer.version for backend in stage.backends),
            options={backend.offer.name: to_plain(backend.options) for backend in stage.backends},
            inputs={role: artifact.digest for role, artifact in inputs.items()} | {"key": key},
            seed=self.spec.seed,
            packages=result.packages,
        )

    def python(self, stage: Stage) -> Interpreter:
        """Return the interpreter of the stage's environment: the one named in the run file, or ftctl's.

        Raises:
            UsageError: the environment does not exist.
        """
        return self.named(stage.environment)

    def programs(self, stage: Stage) -> dict[str, Any]:
        """Return the interpreters of third-party programs that evaluators of the stage run."""
        found = {name: to_plain(self.named(environment)) for name, environment in stage.programs.items()}
        return {"programs": found} if found else {}

    def named(self, environment: str) -> Interpreter:
        """Return the interpreter of an environment."""
        path = self.spec.environments.get(environment)
        return Interpreter(path) if path else self.app.environments.enter(environment)
