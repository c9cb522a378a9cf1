"""Several real processes over gloo on the loopback train as one process does, and survive the loss of one of them."""

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ftctl, minimal_environment
from tests.ray_cluster import ray_cluster

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.heavy, pytest.mark.distributed]

RUN = """
model: builtin:tiny
data_source: {use: jsonl, path: rows.jsonl}
tuner: {use: USE, bf16: false, learning_rate: 1e-3, logging_steps: 1, per_device_train_batch_size: 2,
        gradient_accumulation_steps: ACCUMULATION, num_train_epochs: EPOCHS, save_steps: 4, divergence_ratio: 100}
evaluators: []
"""
TWO = ("--set", "tuner.nproc_per_node=2")
ENGINES = {
    "ddp": ("--set", "tuner.engine=ddp"),
    "fsdp": ("--set", "tuner.engine=fsdp"),
    "zero2": ("--set", "tuner.engine=deepspeed"),
    "zero3": ("--set", "tuner.engine=deepspeed", "--set", "tuner.deepspeed=zero3"),
}


def write(folder: Path, use: str = "lora", accumulation: int = 2, epochs: int = 2) -> Path:
    """A run of 22 batches an epoch, which 2 processes with 2 passes a step cannot share evenly."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"messages": [{"role": "user", "content": f"{n} and one?"}, {"role": "assistant", "content": f"{n + 1}" * 3}]}
        for n in range(54)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    text = RUN.replace("USE", use).replace("ACCUMULATION", str(accumulation)).replace("EPOCHS", str(epochs))
    (folder / "run.yaml").write_text(text)
    return folder


def steps(folder: Path) -> dict[int, float]:
    """The loss of every step, of a repeated one as it was last."""
    lines = next(folder.glob(".ftctl/runs/*/events.ndjson")).read_text().splitlines()
    found = [event["data"] for event in map(json.loads, lines) if event["kind"] == "StepFinished"]
    return {data["step"]: data["loss"] for data in found if "loss" in data}


def artifact(folder: Path, kind: str) -> Path:
    (found,) = [path for path in folder.glob(f".ftctl/artifacts/{kind}/*") if (path / "golden.json").exists()]
    return found


def close(one: dict[int, float], other: dict[int, float]) -> bool:
    return one.keys() == other.keys() and all(math.isclose(one[k], other[k], rel_tol=1e-3) for k in one)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What one process with twice the accumulation does, by tuner."""
    made = {}
    for use in ("lora", "full"):
        folder = write(tmp_path_factory.mktemp("alone") / use, use, accumulation=4)
        done = call(folder)
        assert done.returncode == 0, done.stderr
        made[use] = folder
    return made


def call(folder: Path, *more: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ftctl_adapters.cli", "tune", "run.yaml", *more],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=300,
    )


def environment(**variables: str) -> dict[str, str]:
    return {**minimal_environment(), "OMP_NUM_THREADS": "1", **variables}


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(3, 40)[None]).logits


def seldom(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.nightly)


@pytest.mark.parametrize(
    ("use", "engine"),
    [
        *(("lora", "ddp"), ("full", "fsdp")),
        *(seldom("lora", engine) for engine in ("fsdp", "zero2", "zero3")),
        seldom("full", "zero3"),
    ],
)
def test_two_processes_train_as_one(tmp_path: Path, alone: dict[str, Path], use: str, engine: str) -> None:
    folder = write(tmp_path, use)
    done = call(folder, *TWO, *ENGINES[engine])
    assert done.returncode == 0, done.stderr
    assert len(steps(folder)) == 12
    assert close(steps(folder), steps(alone[use]))
    from transformers import AutoModelForCausalLM

    from ftctl_adapters.modeling.reference import BUILTIN

    if use == "full":
        models = [AutoModelForCausalLM.from_pretrained(artifact(f, "model")) for f in (folder, alone[use])]
    else:
        from peft import PeftModel

        base = str(BUILTIN["builtin:tiny"])
        models = [
            PeftModel.from_pretrained(
                AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), artifact(f, "adapter")
            )
            for f in (folder, alone[use])
        ]
    assert torch.allclose(logits(models[0]), logits(models[1]), atol=2e-2)
    untrained = AutoModelForCausalLM.from_pretrained(str(BUILTIN["builtin:tiny"]), dtype=torch.float32)
    assert not torch.allclose(logits(models[0]), logits(untrained), atol=2e-2)


@pytest.mark.parametrize(
    ("engine", "processes"), [("ddp", 2), ("zero3", 1), seldom("ddp", 1), seldom("fsdp", 2), seldom("zero2", 2)]
)
def test_the_loss_of_a_process_ends_the_run_at_once_and_it_goes_on(
    tmp_path: Path, alone: dict[str, Path], engine: str, processes: int
) -> None:
    folder = write(tmp_path)
    fault = {"FTCTL_TEST_BUILD": "1", "FTCTL_FAULT": "train.step.before@7#1:kill"}
    began = time.monotonic()
    done = call(folder, *TWO, *ENGINES[engine], **fault)
    assert done.returncode == 6
    assert "rank 1 of stage tune was killed by signal 9" in done.stderr
    assert re.search(r"\[worker-died\]\n  +\S", done.stderr), "the last lines of that process follow"
    assert time.monotonic() - began < 300, "gloo waits half an hour"
    again = call(folder, "--set", f"tuner.nproc_per_node={processes}", *ENGINES[engine])
    assert again.returncode == 0, again.stderr
    assert '"kind": "TrainingResumed"' in next(folder.glob(".ftctl/runs/*/events.ndjson")).read_text()
    assert close(steps(folder), steps(alone["lora"]))


def test_a_process_that_raises_is_named_with_its_error(tmp_path: Path) -> None:
    folder = write(tmp_path)
    fault = {"FTCTL_TEST_BUILD": "1", "FTCTL_FAULT": "train.step.before@3#1:raise:EPERM"}
    done = call(folder, *TWO, *ENGINES["ddp"], **fault)
    assert done.returncode == 6
    assert "rank 1: stage tune (lora) failed" in done.stderr


def started(folder: Path, *more: str) -> "subprocess.Popen[bytes]":
    """A long run, once it has written a checkpoint."""
    write(folder, epochs=400)
    command = [sys.executable, "-m", "ftctl_adapters.cli", "tune", "run.yaml", *ENGINES["ddp"], *more]
    run = subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.DEVNULL)
    wait_for(lambda: checkpoints(folder))
    return run


def checkpoints(folder: Path) -> list[int]:
    found = folder.glob(".ftctl/runs/*/stages/*-tune/work/checkpoints/checkpoint-*")
    return sorted(int(path.name.partition("-")[2]) for path in found)


def saved_and_stopped(folder: Path) -> bool:
    """Whether the first process ended by itself, which it does behind a checkpoint."""
    (left,) = folder.glob(".ftctl/runs/*/stages/*-tune/error-0.json")
    return bool(json.loads(left.read_text())["code"] == "interrupted")


def test_sigterm_saves_a_checkpoint_and_leaves_nothing_running(tmp_path: Path) -> None:
    run = started(tmp_path, *TWO)
    assert len(list(workers(tmp_path))) == 2
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == 143
    assert saved_and_stopped(tmp_path)
    wait_for(lambda: not list(workers(tmp_path)))
    assert '"kind": "RunInterrupted"' in next(tmp_path.glob(".ftctl/runs/*/events.ndjson")).read_text()


def test_after_kill_9_of_ftctl_no_process_is_left(tmp_path: Path) -> None:
    run = started(tmp_path, *TWO)
    run.kill()
    run.wait()
    wait_for(lambda: not list(workers(tmp_path)))


def on_two_machines(folders: list[Path], *more: tuple[str, ...]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of the same command on two machines, each with arguments of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    both = {"NNODES": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NPROC_PER_NODE": "1"}
    command = [sys.executable, "-m", "ftctl_adapters.cli", "tune", "run.yaml", "--json", *ENGINES["ddp"]]
    runs = [
        subprocess.Popen(
            [*command, *(more[number] if more else ())],
            cwd=folder,
            env=environment(**both, NODE_RANK=str(number)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, folder in enumerate(folders)
    ]
    told = [run.communicate(timeout=300) for run in runs]
    return [(run.returncode, *texts) for run, texts in zip(runs, told, strict=True)]


def test_two_machines_train_as_one(tmp_path: Path, alone: dict[str, Path]) -> None:
    machines = [write(tmp_path / str(number)) for number in range(2)]
    (code, _, told), (helped, document, said) = on_two_machines(machines)
    assert (code, helped) == (0, 0), told + said
    assert close(steps(machines[0]), steps(alone["lora"]))
    assert artifact(machines[0], "adapter").exists()
    assert [stage["name"] for stage in json.loads(document)["stages"]] == ["model", "data", "tune"]
    assert "the outcome is on machine 0" in said
    assert "the outcome is on machine 0" not in told
    assert not list(machines[1].glob(".ftctl/artifacts/adapter/*"))


def test_machines_that_were_told_different_things_do_not_train(tmp_path: Path) -> None:
    machines = [write(tmp_path / str(number)) for number in range(2)]
    (code, _, told), (helped, _, _) = on_two_machines(machines, (), ("--set", "tuner.learning_rate=2e-3"))
    assert code == 2
    assert "the processes were started for different runs" in told
    assert helped != 0


def test_a_ray_cluster_of_two_machines_trains_as_one(cluster: str, tmp_path: Path, alone: dict[str, Path]) -> None:
    folder = write(tmp_path)
    ray = ("--set", "tuner.launcher=ray", "--set", f"tuner.address={cluster}", "--set", "tuner.num_workers=2")
    done = call(folder, *ENGINES["ddp"], *ray)
    assert done.returncode == 0, done.stderr
    assert close(steps(folder), steps(alone["lora"]))
    run = started(tmp_path / "stopped", *ray)
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == 143
    assert saved_and_stopped(tmp_path / "stopped")


def test_without_its_cluster_ray_says_so(ftctl: Ftctl, tmp_path: Path) -> None:
    write(tmp_path)
    ray = ("--set", "tuner.engine=ddp", "--set", "tuner.launcher=ray", "--set", "tuner.address=127.0.0.1:1")
    done = ftctl("tune", "run.yaml", *ray)
    assert done.returncode == 6
    assert "no Ray cluster at 127.0.0.1:1" in done.stderr


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of a cluster of two machines."""
    with ray_cluster() as address:
        yield address


def workers(folder: Path) -> Iterator[int]:
    """Processes that work on a job under the folder."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "ftctl.worker" in words and any(word.startswith(str(folder)) for word in words):
            yield int(path.parent.name)


def wait_for(condition: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
        os.sched_yield()
