"""Every number in an advice is right for the case at hand: whoever follows it does not meet the same error again."""

import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.application.app import App
from ftctl.application.plan import make_plan
from ftctl.application.resolve import resolve
from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example, Message
from ftctl.domain.job import Job, PluginRef
from ftctl.domain.launch import LaunchSpec
from ftctl.domain.resources import ModelShape
from ftctl.errors import ConfigInvalid, LabelsInvalid, PortBusy, RowsInvalid, ServerNotReady
from ftctl.worker.memory_advice import memory_advice
from ftctl_adapters.process.server_runner import LocalServerRunner
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.prepare import Account, prepare
from ftctl_plugins.tuners.lora import LoraOptions, LoraTuner
from tests.conftest import Ftctl
from tests.unit.test_resolve import FAKE

ROWS = [Example("r:1", (Message("user", "q"), Message("assistant", "a")))]


def advised(text: str, key: str) -> int:
    found = re.search(rf"{re.escape(key)}\D*?(\d+)", text)
    assert found, text
    return int(found.group(1))


@pytest.mark.parametrize("timeout", [0.4, 600.0])
def test_a_server_that_was_too_slow_gets_a_multiple_of_what_it_had(
    tmp_path: Path, timeout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = LocalServerRunner()
    spec = LaunchSpec((sys.executable, "-c", "import time; time.sleep(60)"), "m", start_timeout=timeout)
    if timeout > 60:
        late = iter([0.0, *[timeout + 1] * 99])
        monkeypatch.setattr("ftctl_adapters.process.server_runner.time.monotonic", lambda: next(late))
    with pytest.raises(ServerNotReady) as caught:
        runner.start(spec, runner.address(0), tmp_path / "log")
    assert caught.value.next_step.endswith(f"--set server.start_timeout={timeout * 3:g}")


class Lengths:
    """An objective whose sequences are as long as the rows' answers."""

    def encode(self, example: Example, encoder: Any) -> tuple[Encoded, ...]:
        count = int(example.messages[-1].content)
        return (Encoded(example.where, (1,) * count, (1,) * count),)


def settled(options: TrainingOptions, context: int, *lengths: int) -> Account:
    rows = [Example(f"r:{n}", (Message("user", "q"), Message("assistant", str(n)))) for n in lengths]
    encoder: Any = None
    _, account = prepare(rows, Lengths(), encoder, options, min(options.max_length, context or 10**9))  # type: ignore[arg-type]
    account.settle(options, context=context)
    return account


def test_max_length_is_raised_to_what_the_longest_row_needs() -> None:
    with pytest.raises(LabelsInvalid) as caught:
        settled(TrainingOptions(max_length=64), 4096, 32, 70, 200)
    assert settled(TrainingOptions(max_length=advised(caught.value.next_step, "max_length to")), 4096, 32, 70, 200).rows


def test_max_length_is_raised_no_further_than_the_model_goes() -> None:
    with pytest.raises(LabelsInvalid) as caught:
        settled(TrainingOptions(max_length=64), 100, 70, 200)
    assert (
        "raise tuner.max_length to 100, as much as the model takes (the longest row has 200)" in caught.value.next_step
    )
    with pytest.raises(LabelsInvalid) as caught:
        settled(TrainingOptions(max_length=4096), 100, 70, 200)
    assert "raise" not in caught.value.next_step, "it is above the model's context already"
    assert "drop" in caught.value.next_step


SHAPE = ModelShape("LlamaForCausalLM", 1, 32, 64, 4, 4, 100, "float32", {
    "model.layers.0.self_attn.q_proj.weight": (32, 32), "model.layers.0.mlp.gate.weight": (4, 32)})  # fmt: skip


@pytest.mark.parametrize("start", ["default", "pissa"])
def test_the_rank_that_is_told_is_one_that_can_be(start: str) -> None:
    options = LoraOptions(rank=999, init_lora_weights=start)
    with pytest.raises(ConfigInvalid) as caught:
        LoraTuner(options).trained(SHAPE)
    LoraTuner(evolve(options, rank=advised(caught.value.what, "at most"))).trained(SHAPE)


TUNE = {"per_device_train_batch_size": 8, "max_length": 512, "gradient_checkpointing": False}


@pytest.mark.parametrize(
    ("operation", "options", "said"),
    [
        ("tune", TUNE, "lower tuner.per_device_train_batch_size (now 8), lower tuner.max_length (now 512), set"),
        ("tune", TUNE | {"per_device_train_batch_size": 1}, "lower tuner.max_length (now 512), set"),
        ("tune", {"per_device_train_batch_size": 1, "max_length": 8, "gradient_checkpointing": True}, "free memory"),
        ("tune", {}, "free memory"),
        ("evaluate", {"max_new_tokens": 96}, "lower evaluators.some.max_new_tokens (now 96), free memory"),
        ("evaluate", {}, "free memory"),
        ("dataset", {}, "lower data_source.memory_mb (now 1024), free memory"),
        ("compress", {"max_length": 512}, "free memory"),
    ],
)
def test_memory_is_saved_by_options_of_the_stage_that_ran_out_of_it(
    operation: str, options: dict[str, Any], said: str
) -> None:
    settings = {"memory_bytes": 1 << 30} if operation == "dataset" else {}
    job = Job("k", operation, operation, (PluginRef("some", "f", "o", options),), settings=settings)
    assert memory_advice(job).startswith(said)


def test_a_taken_port_is_told_when_the_run_is_planned(fake_app: App) -> None:
    fake_app.servers.busy.add(8123)  # type: ignore[attr-defined]
    spec = resolve({**FAKE, "server": {"use": "fake", "port": 8123}}, fake_app.registry, fake_app.environments)
    with pytest.raises(PortBusy):
        make_plan(fake_app, spec)
    make_plan(fake_app, spec, "evaluate")


def test_the_advice_on_a_taken_port_works(ftctl: Ftctl, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = f"server.port={taken.getsockname()[1]}"
        refused = ftctl("run", "--dry-run", "--set", port)
        assert refused.returncode == 6
        assert "--set server.port=0" in refused.stderr
        assert ftctl("run", "--dry-run", "--set", port, "--set", "server.port=0").returncode == 0


def test_as_many_rows_may_be_skipped_as_are_bad(ftctl: Ftctl, tmp_path: Path) -> None:
    good = '{"prompt": "a", "completion": "b"}'
    (tmp_path / "rows.jsonl").write_text("\n".join([*[good.replace("a", f"a{n}") for n in range(40)], "{}", "[]", "{"]))
    command = ("data", "build", "--data-source", "jsonl", "--set", "data_source.path=rows.jsonl")
    refused = ftctl(*command)
    assert refused.returncode == RowsInvalid.exit_code
    skip = advised(refused.stderr, "skip_invalid to")
    assert skip == 3
    assert ftctl(*command, "--set", f"data_source.skip_invalid={skip - 1}").returncode == RowsInvalid.exit_code
    assert ftctl(*command, "--set", f"data_source.skip_invalid={skip}").returncode == 0
