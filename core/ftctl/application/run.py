"""Run a plan: from data to a verified server, skipping finished stages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, evolve, field

from ftctl.application.app import App
from ftctl.application.backend_calls import instantiate
from ftctl.application.event_bus import EventBus
from ftctl.application.expected_jobs import expect_jobs
from ftctl.application.gate_checks import misdirected, misspelt, unmeasured
from ftctl.application.gates import concerns, judge, refuse
from ftctl.application.model_metrics import Measured
from ftctl.application.model_variants import STAGES
from ftctl.application.plan import Plan
from ftctl.application.preview import PREVIEWS
from ftctl.application.previous_run import EARLIER, measured_in
from ftctl.application.resource_plan import LARGEST_BATCH, with_largest_batch
from ftctl.application.run_record import recorded_model, recorded_run
from ftctl.application.run_result import RunResult
from ftctl.application.run_stage import StageRunner
from ftctl.application.serve import Served, serve, serving
from ftctl.application.stage import Stage
from ftctl.application.stage_attempts import Attempts, earlier_attempts
from ftctl.application.stage_keys import PlannedStage, model_key, stage_key
from ftctl.domain import event as events
from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.event import Event
from ftctl.domain.metric import Metric
from ftctl.errors import ConfigInvalid, FtctlError, GateRefused, Interrupted, SignalArrived
from ftctl.faults import fault
from ftctl.plugin.capabilities import BASE, SERVER
from ftctl.ports.run_journal import RunJournal


def run(
    app: App,
    plan: Plan,
    *,
    once: bool,
    on_ready: Callable[[RunResult], None],
    watch: Callable[[Event], None] = lambda event: None,
    restarts: int = 0,
) -> RunResult:
    """Run the plan to its end; with a server and not ``once``, serve until a signal.

    ``on_ready`` is called when everything is done and the server, if there is one, has passed verification. ``watch``
    is called with every event, and may raise `Interrupted`. A server that dies is restarted up to ``restarts`` times.

    Raises:
        RunBusy: another process owns this run.
        Interrupted: a signal stopped it; the same command goes on from here.
        FtctlError: a stage failed; what was finished stays.
    """
    journal = app.journals.open(plan.spec.run_id)
    with journal.owned():
        monitors = {b.offer.name: instantiate(b) for b in plan.spec.monitors}
        owners = {b.offer.name: b.offer.owner for b in plan.spec.monitors}
        bus = EventBus(journal, app.registry, app.clock, monitors, owners, watch)
        bus.open(plan.spec.run_id)
        try:
            return _Run(app, plan, journal, bus, RunResult(plan.spec.run_id)).go(once, on_ready, restarts)
        finally:
            bus.close()


@define
class _Run:
    app: App
    plan: Plan
    journal: RunJournal
    bus: EventBus
    result: RunResult
    runner: StageRunner = field(init=False)
    recorded: bool = field(init=False)
    served: Served | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.runner = StageRunner(self.app, self.plan.spec, self.journal, self.bus)
        self.recorded = not self.plan.preview and not self.lesser()

    def lesser(self) -> bool:
        """Return True if an earlier run got further than this one will; then its record stays."""
        previous = recorded_run(self.journal) or {}
        return previous.get("status") == "done" and len(previous.get("stages", ())) > len(self.plan.stages)

    def begin(self) -> None:
        moved = self.moved()
        if self.recorded:
            self.journal.write_text("run.yaml", self.app.dump(self.plan.spec.document()))
            self.journal.write("plan.json", self.plan.document())
        expect_jobs(self.app, self.plan.spec, [p.stage for p in self.plan.stages if not p.cached])
        self.bus.emit(events.RUN_STARTED, run_id=self.result.run_id, stages=[p.stage.name for p in self.plan.stages])
        if moved:
            self.bus.emit(events.WARNING_RAISED, "model", message=moved)

    def moved(self) -> str:
        """Return a line if the model's branch has another commit than when this run last began."""
        model = self.plan.model
        before = recorded_model(self.journal).get("commit", model.commit)
        if not before or before == model.commit:
            return ""
        return f"{model.reference} moved on the hub since this run last began: {before} is now {model.commit}"

    def go(self, once: bool, on_ready: Callable[[RunResult], None], restarts: int) -> RunResult:
        self.begin()
        try:
            for planned in self.plan.stages:
                if planned.stage.operation == "serve":
                    self.start_server(planned.stage)
                else:
                    self.stage(planned)
            self.finish()
            if self.served and not once:
                self.keep_serving(self.served, on_ready, restarts)
            else:
                on_ready(self.result)
        except SignalArrived as arrived:
            self.stopped(arrived.as_error())
            raise
        except Interrupted as stop:
            self.stopped(stop)
            raise
        except FtctlError as error:
            self.failed(error)
            raise
        except Exception as error:
            self.failed(FtctlError(f"{type(error).__name__}: {error}"))
            raise
        finally:
            if self.served:
                self.served.stop()
                self.bus.emit(events.SERVER_STOPPED, "serve")
        return self.result

    def stage(self, planned: PlannedStage) -> None:
        stage = planned.stage
        started = self.app.clock.now()
        key = planned.key or self.key(stage)
        record = planned.record or self.recall(stage, key)
        status = "cached" if record else "done"
        before = Attempts() if record else earlier_attempts(self.journal.events(), stage.name)
        if record:
            self.runner.reopen(stage, record)
            self.bus.emit(events.STAGE_SKIPPED, stage.name, plugin=stage.plugin)
        else:
            self.bus.emit(events.STAGE_STARTED, stage.name, plugin=stage.plugin)
            fault(f"run.{stage.name}.before")
            record = self.work(stage, key)
            fault(f"run.{stage.name}.after")
            if planned.stage.operation in PREVIEWS:
                self.result.preview = record["summary"]
            told = {key: record.get(key) for key in ("digest", "metrics", "summary")}
            self.bus.emit(events.STAGE_FINISHED, stage.name, seconds=self.app.clock.now() - started, **told)
        if stage.operation == "prepare" and not planned.record:
            self.plan_memory(record)
        self.note(stage, status, started, record, before)

    def plan_memory(self, record: dict[str, Any]) -> None:
        """Plan memory again, now for the rows that will be trained."""
        plan = self.plan
        splits = self.runner.made["data"].facts["splits"]
        resources = with_largest_batch(plan.spec, plan.model.shape, plan.resources, splits, record["summary"])
        if resources == plan.resources:
            return
        self.plan = evolve(plan, resources=resources)
        if self.recorded:
            self.journal.write("plan.json", self.plan.document())
        told = {LARGEST_BATCH: resources.notes[LARGEST_BATCH], "memory": resources.memory}
        self.bus.emit(events.MEMORY_ESTIMATED, "prepare", **told)

    def work(self, stage: Stage, key: str) -> dict[str, Any]:
        folder = self.folder(stage)
        try:
            if stage.operation == "admit":
                return self.runner.admit(stage, key, self.plan.model, folder)
            return self.runner.execute(stage, key, folder, stage.endpoint or self.result.endpoint)
        except Interrupted as stop:
            self.bus.emit(events.STAGE_FAILED, stage.name, **stop.to_json())
            raise
        except FtctlError as error:
            reason = self.served.reason(error) if self.served else error
            self.bus.emit(events.STAGE_FAILED, stage.name, **reason.to_json())
            self.note(stage, "failed", self.app.clock.now(), {})
            raise reason from error

    def recall(self, stage: Stage, key: str) -> dict[str, Any] | None:
        """Return a cache hit that planning could not know, because an input was not made yet."""
        return self.app.store.recall(key) if stage.lasts else None

    def key(self, stage: Stage) -> str:
        digests = {name: artifact.digest for name, artifact in self.runner.made.items()}
        key = stage_key(self.plan.spec, stage, self.plan.model, digests)
        return key or model_key(self.plan.model)

    def note(
        self, stage: Stage, status: str, started: float, record: dict[str, Any], before: Attempts | None = None
    ) -> None:
        """Add a stage to the result, with what attempts took that were cut off."""
        digest, before = record.get("digest"), before or Attempts()
        peak = record.get("peak_rss_bytes")
        self.result.stages.append(
            {
                "name": stage.name,
                "plugin": stage.plugin,
                "status": status,
                "seconds": round(self.app.clock.now() - started + before.seconds, 3),
                "artifact": f"{record['kind']}/{digest}" if digest else None,
                "peak_rss_bytes": peak and max(peak, before.peak_rss_bytes),
            }
        )
        if stage.subject and status != "failed":
            found = [from_plain(m, Metric) for m in record["metrics"]]
            self.result.metrics[stage.subject] = {m.name: m for m in found}
        self.save("running")
        if stage.subject in self.result.metrics:
            self.check_gates(stage)

    def check_gates(self, stage: Stage) -> None:
        """Refuse gates that contradict what is measured as soon as that is known: mostly before anything is trained.

        Raises:
            ConfigInvalid: a gate would pass a worse model, or names a metric wrongly.
        """
        if not self.plan.measures:
            return
        gates, metrics = self.plan.spec.gates, self.result.metrics[stage.subject]
        problems = misdirected(gates, metrics)
        if problems:
            raise ConfigInvalid("a gate contradicts the direction of its metric", details=tuple(problems))
        measuring = {one for backend in self.plan.spec.evaluators for one in backend.offer.capabilities}
        whole = stage.name == STAGES[stage.subject] and len(self.result.metrics) == 1
        if not whole or measuring & {BASE, SERVER}:
            return  # further figures are to come, of this model or of later ones alone
        problems = misspelt(gates, metrics)
        if problems:
            raise ConfigInvalid("a gate names a metric that nothing measures", details=tuple(problems))
        for name in unmeasured(gates, metrics):
            text = f"gates: {name} was not measured of the {stage.subject} model; measured of no other, the gate fails"
            self.bus.emit(events.WARNING_RAISED, stage.name, message=text)

    def start_server(self, stage: Stage) -> None:
        started = self.app.clock.now()
        self.bus.emit(events.STAGE_STARTED, stage.name, plugin=stage.plugin)
        model = self.runner.made[stage.inputs["model"]]
        self.runner.check({"model": model})
        log = self.folder(stage) / "server.log"
        fault(f"run.{stage.name}.before")
        served = self.served = serve(self.app, stage.backends[0], model, self.runner.python(stage), log)
        fault(f"run.{stage.name}.after")
        self.result.endpoint = served.endpoint
        self.bus.emit(events.SERVER_STARTED, stage.name, **to_plain(served.endpoint))
        self.bus.emit(events.STAGE_FINISHED, stage.name, seconds=self.app.clock.now() - started)
        self.note(stage, "done", started, {})

    def keep_serving(self, served: Served, on_ready: Callable[[RunResult], None], restarts: int) -> None:
        with serving():
            on_ready(self.result)
            self.app.jobs.close()
            served.wait(restarts, lambda text: self.bus.emit(events.WARNING_RAISED, "serve", message=text))

    def finish(self) -> None:
        if self.plan.measures:
            self.judge()
            for line in concerns(self.plan.spec.gates, self.result.metrics):
                self.bus.emit(events.WARNING_RAISED, "evaluate-compressed", message=line)
        self.bus.emit(events.RUN_FINISHED, run_id=self.result.run_id)
        self.save("done")
        if self.recorded:
            self.result.report = self.app.report.write(self.journal)
            self.save("done")
        self.app.registry.notify("ftctl_run_finished", run_id=self.result.run_id, result=self.result.document())

    def judge(self) -> None:
        """Check the gates against metrics of this run and earlier ones.

        Raises:
            GateRefused: one failed or is inconclusive.
        """
        gates = self.plan.spec.gates
        measured = {planned.stage.subject: self.measured(planned.stage) for planned in self.plan.stages
                    if planned.stage.subject in self.result.metrics}  # fmt: skip
        earlier = {gate.over for gate in gates if gate.over.startswith(EARLIER)}
        measured |= {over: measured_in(self.app, over.removeprefix(EARLIER)) for over in earlier}
        results = judge(gates, measured)
        self.result.gates = [to_plain(result) for result in results]
        for result in results:
            if result.doubt or (result.verdict == "inconclusive" and result.tolerated):
                self.bus.emit(events.WARNING_RAISED, "evaluate", message=result.line())
        refuse(results)

    def measured(self, stage: Stage) -> Measured:
        made = self.runner.made
        return Measured(self.result.metrics[stage.subject], Path(made[stage.name].path), made["data"].digest)

    def stopped(self, stop: Interrupted) -> None:
        if self.result.status != "done":
            self.bus.emit(events.RUN_INTERRUPTED, run_id=self.result.run_id, signal=stop.signal_number)
            self.save("interrupted")

    def failed(self, error: FtctlError) -> None:
        self.result.error = error.to_json()
        self.bus.emit(events.RUN_FAILED, run_id=self.result.run_id, **error.to_json())
        self.save("failed")
        if self.recorded and isinstance(error, GateRefused):
            self.result.report = self.app.report.write(self.journal)
            self.save("failed")

    def save(self, status: str) -> None:
        self.result.status = status
        if self.recorded:
            self.journal.write("run.json", self.result.document())

    def folder(self, stage: Stage) -> Path:
        return self.journal.folder / "stages" / f"{stage.number:02d}-{stage.name}"
