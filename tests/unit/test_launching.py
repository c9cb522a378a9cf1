"""Several processes: who does what, who failed first, and what is refused before any of them starts."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ftctl.application.app import App
from ftctl.application.plan import make_plan
from ftctl.application.resolve import resolve
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.job import Job, PluginRef
from ftctl.domain.resources import ModelShape
from ftctl.errors import ConfigInvalid, NoUsableRows, TrainingDiverged, UsageError, WorkerDied, from_json
from ftctl.faults import fault
from ftctl.worker.job_folder import JobFolder
from ftctl_adapters.launching.rank_failure import report_failure, report_help
from ftctl_adapters.process.inline_runner import InlineRunner
from ftctl_adapters.training.engines.choose import refuse_unsupported
from ftctl_adapters.training.engines.group import Group, joined
from ftctl_adapters.training.engines.zero_config import zero_config
from ftctl_adapters.training.options import TrainingOptions
from ftctl_plugins.launchers.torchrun import TorchrunLauncher, TorchrunOptions
from ftctl_plugins.tuners.qlora import QloraOptions, QloraTuner
from tests.unit.test_resolve import FAKE, problems
from tests.unit.test_run import go

JOB = Job("a" * 64, "tune", "tune", ())


def group(rank: int, world: int) -> Group:
    made = Group()
    made.rank, made.world = rank, world
    return made


@pytest.mark.parametrize(("count", "world"), [(8, 2), (7, 2), (1, 3), (5, 4), (4, 1)])
def test_the_processes_share_all_items_and_make_equally_many_passes(count: int, world: int) -> None:
    parts = [group(rank, world).part(list(range(count))) for rank in range(world)]
    assert len({len(part) for part in parts}) == 1
    assert sorted(item for part in parts for item, counts in part if counts) == list(range(count))
    assert {item for part in parts for item, counts in part if not counts} <= {0}


def test_an_engine_of_one_process_refuses_to_be_started_several_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="2 processes were started"), joined("single"):
        pass


@pytest.fixture
def place(tmp_path: Path) -> JobFolder:
    made = JobFolder(tmp_path / "job")
    made.prepare(JOB)
    return made


def left(place: JobFolder, rank: int, error: Exception, seconds_ago: float = 0.0) -> None:
    file = place.path / f"error-{rank}.json"
    file.write_text(json.dumps(error.to_json()))  # type: ignore[attr-defined]
    os.utime(file, (time.time() - seconds_ago,) * 2)


def test_a_killed_process_failed_first_whatever_the_others_say(place: JobFolder, tmp_path: Path) -> None:
    left(place, 0, WorkerDied("connection closed by peer"), seconds_ago=5)
    (tmp_path / "log").write_text("first line\nlast line\n")
    error = report_failure(place, JOB, {0: 6, 1: -9}, {1: tmp_path / "log"})
    assert isinstance(error, WorkerDied)
    assert "rank 1 of stage tune was killed by signal 9" in error.what
    assert error.details[-1] == "last line"
    assert from_json(json.loads((place.path / "error.json").read_text())).what == error.what


def test_of_several_errors_the_first_counts(place: JobFolder) -> None:
    left(place, 0, WorkerDied("connection closed by peer"))
    left(place, 1, NoUsableRows("nothing left"), seconds_ago=2)
    assert isinstance(report_failure(place, JOB, {0: 6, 1: 3}, {}), NoUsableRows)
    left(place, 0, TrainingDiverged("too far"), seconds_ago=9)
    assert report_failure(place, JOB, {0: 7, 1: 3}, {}).status == 7


def test_a_process_that_was_told_to_end_did_not_fail_first(place: JobFolder) -> None:
    left(place, 0, WorkerDied("out of ideas"))
    assert report_failure(place, JOB, {0: 6, 1: -15}, {}).what == "rank 0: out of ideas"


def test_a_job_starts_without_what_processes_left_before(place: JobFolder) -> None:
    left(place, 1, WorkerDied("long ago"))
    for name in ("stop", "heartbeat-1"):
        (place.path / name).touch()
    place.prepare(JOB)
    assert {path.name for path in place.path.iterdir()} == {"job.json", "out", "work"}


def test_a_machine_that_helped_has_no_draft(place: JobFolder) -> None:
    report_help(place, 3)
    outcome = place.outcome()
    assert outcome is not None
    assert outcome.draft is None  # type: ignore[union-attr]


def test_torchrun_takes_what_is_left_out_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NNODES": "4", "NODE_RANK": "2", "MASTER_ADDR": "10.0.0.1", "NPROC_PER_NODE": "8"}.items():
        monkeypatch.setenv(name, value)
    launcher = TorchrunLauncher(TorchrunOptions(master_port=5))
    wanted = {"nproc_per_node": 8, "nnodes": 4, "node_rank": 2, "master_addr": "10.0.0.1", "master_port": 5}
    assert launcher.settings() == wanted
    assert launcher.helping()
    assert not TorchrunLauncher(TorchrunOptions(node_rank=0)).helping()
    monkeypatch.setenv("NNODES", "1")
    assert not launcher.helping(), "the number of a machine alone means nothing"


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"NNODES": "2"}, "tuner.master_addr: missing"),
        ({"NNODES": "2", "MASTER_ADDR": "x", "NODE_RANK": "2"}, "tuner.node_rank: must be less than nnodes, 2"),
        ({"NNODES": "two"}, "NNODES must be a whole number, not 'two'"),
    ],
)
def test_machines_that_do_not_add_up_are_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], line: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigInvalid, match=line):
        TorchrunLauncher(TorchrunOptions()).helping()


def test_how_processes_start_does_not_change_the_run(fake_app: App) -> None:
    def resolved(**tuner: object) -> Any:
        return resolve({**FAKE, "tuner": {"use": "fake", **tuner}}, fake_app.registry, fake_app.environments)

    two = resolved(launcher="fake", processes=2)
    assert two.launcher.options["processes"] == 2
    assert two.run_id == resolved().run_id
    assert two.document()["tuner"]["processes"] == 2
    again = resolve(two.document(), fake_app.registry, fake_app.environments)
    assert again == two


def test_unknown_launchers_and_their_options_are_problems(fake_app: App) -> None:
    assert problems(fake_app, tuner={"use": "fake", "launcher": "fakke"})[0].startswith("tuner.launcher.use: no launch")
    assert (
        "tuner.launcher.processes: must be at least 1"
        in problems(fake_app, tuner={"use": "fake", "launcher": "fake", "processes": 0})[0]
    )
    assert problems(fake_app, tuner={"use": "fake", "launcher": 3}) == (
        "tuner.launcher: must be the name of one, not 3",
    )


def test_a_machine_that_helps_makes_only_what_training_needs(fake_app: App) -> None:
    document = {**FAKE, "server": "fake", "tuner": {"use": "fake", "helps": True}}
    plan = make_plan(fake_app, resolve(document, fake_app.registry, fake_app.environments))
    assert [planned.stage.name for planned in plan.stages] == ["model", "data", "tune"]
    assert plan.preview
    assert [stage["name"] for stage in go(fake_app, document).stages] == ["model", "data", "tune"]


def test_inline_refuses_to_be_several(tmp_path: Path) -> None:
    job = Job("a" * 64, "tune", "tune", (), launcher=PluginRef("torchrun", "", ""))
    with pytest.raises(UsageError, match="--inline runs in this one process"):
        InlineRunner().run(job, tmp_path, Interpreter(""), lambda event: None)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"engine": "fsdp", "fp16": True}, "tuner.fp16: engine fsdp"),
        ({"engine": "deepspeed", "optim": "adamw_8bit"}, "tuner.optim: engine deepspeed takes adamw_torch, sgd"),
        ({"engine": "deepspeed", "deepspeed": "zero9"}, "'zero9' is none of zero2, zero3"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_when_planned(changed: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigInvalid, match=line):
        refuse_unsupported(TrainingOptions(**changed))
    refuse_unsupported(TrainingOptions(**(changed | {"engine": "ddp"})))


def test_weights_in_4_bits_cannot_be_divided() -> None:
    shape = ModelShape("Qwen2", 64, 256, 8, 1, 16, 64, "float32", {"q_proj.weight": (8, 8)})
    with pytest.raises(ConfigInvalid, match="4-bit weights cannot be"):
        QloraTuner(QloraOptions(engine="fsdp", rank=4)).trained(shape)


def test_a_file_of_deepspeeds_is_taken_without_what_the_run_file_says(tmp_path: Path) -> None:
    theirs = tmp_path / "ds.json"
    document = {"zero_optimization": {"stage": 3, "overlap_comm": False}, "gradient_clipping": "auto"}
    document |= {"optimizer": {"type": "AdamW", "params": {"lr": "auto"}}, "train_batch_size": "auto"}
    document |= {"fp16": {"enabled": "auto", "loss_scale": 0}}
    theirs.write_text(json.dumps(document))
    made = zero_config(TrainingOptions(deepspeed=str(theirs), max_grad_norm=0.5), "bfloat16")
    assert made["zero_optimization"] == {"stage": 3, "overlap_comm": False}
    assert made["gradient_clipping"] == 0.5
    assert made["bf16"] == {"enabled": True}
    assert not {"optimizer", "train_batch_size"} & made.keys()
    for bad, line in (
        ('{"zero_optimization": {"stage": 0}}', "stage 1, 2 or 3, not 0"),
        ('{"zero_optimization": {"stage": 2}, "optimizer": {"lr": 1}}', "has optimizer, which the run file"),
        ("[]", "must hold"),
        ("{", "no J"),
    ):
        theirs.write_text(bad)
        with pytest.raises(ConfigInvalid, match=line):
            zero_config(TrainingOptions(deepspeed=str(theirs)), "float32")


def test_a_fault_can_be_planned_for_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTCTL_TEST_BUILD", "1")
    monkeypatch.setenv("FTCTL_FAULT", "here#1:raise:EPERM")
    monkeypatch.setenv("RANK", "0")
    fault("here")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(PermissionError):
        fault("here")
