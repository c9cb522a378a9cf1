"""A real model, SmolLM2-135M-Instruct, is trained, measured, compressed, served by three servers, and talked to."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ftctl, minimal_environment, run_in
from tests.functional.small import small_run
from tests.real_model import smollm2

pytestmark = [pytest.mark.heavy, pytest.mark.backends, pytest.mark.nightly]
CAPITALS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Egypt": "Cairo", "Peru": "Lima"}
SHORT = ("--set", "tuner.max_length=256", "--set", "tuner.per_device_train_batch_size=2")


@pytest.fixture(scope="module")
def model() -> str:
    return str(smollm2())


@pytest.fixture(scope="module")
def trained(model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run over rows of two formats, mixed: questions as pairs and as conversations."""
    folder = tmp_path_factory.mktemp("real")
    small_run(folder, model=model, data_source={"sources": [{"use": "jsonl", "path": "pairs.jsonl"},
              {"use": "jsonl", "path": "turns.jsonl"}], "split": {"validation": 0.2, "test": 0.2}},
              evaluators=[{"use": "text-metrics", "max_new_tokens": 16}], compressor="int8", server="transformers",
              gates=[])  # fmt: skip
    asked = {f"What is the capital of {land}?": f"The capital of {land} is {city}." for land, city in CAPITALS.items()}
    pairs = [{"prompt": question, "completion": answer} for question, answer in asked.items()]
    turns = [
        {"messages": [{"role": "user", "content": f"Please: {question}"}, {"role": "assistant", "content": answer}]}
        for question, answer in asked.items()
    ]
    for name, rows in (("pairs", pairs), ("turns", turns)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    chosen = ("--tuner", "lora", "--set", "tuner.max_steps=4", *SHORT)
    done = run_in(folder)("run", "run.yaml", "--once", *chosen, "--json")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_it_is_trained_measured_compressed_served_and_verified(trained: tuple[Path, dict[str, Any]]) -> None:
    _, told = trained
    names = [stage["name"] for stage in told["stages"]]
    assert names[-2:] == ["serve", "verify"]
    assert told["metrics"]["tuned"]["f1"]["value"] >= told["metrics"]["base"]["f1"]["value"]
    assert told["metrics"]["compressed"]["f1"]["value"] > 0.5


def test_it_answers_sensibly_before_and_after(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = trained
    answers = [line for path in folder.glob(".ftctl/artifacts/report/*/text-metrics.samples.jsonl")
               for line in map(json.loads, path.read_text().splitlines())]  # fmt: skip
    assert answers
    for one in answers:
        land = next(land for land in CAPITALS if land in one["prompt"])
        assert CAPITALS[land] in one["answer"]


@pytest.mark.parametrize(("compressor", "server"), [("onnx", "onnx"), ("none", "vllm")])
def test_other_servers_answer_as_it_was_trained(
    trained: tuple[Path, dict[str, Any]], environment: Callable[[str], None], compressor: str, server: str
) -> None:
    folder, _ = trained
    environment(server)
    chosen = ("--tuner", "lora", "--set", "tuner.max_steps=4", *SHORT)
    named = ("--compressor", compressor, "--server", server)
    done = run_in(folder)("run", "run.yaml", "--once", *chosen, *named, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {stage["name"]: stage["status"] for stage in told["stages"]}["tune"] == "cached"
    assert told["stages"][-1]["name"] == "verify"


def test_it_is_talked_to(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, told = trained
    (model,) = [stage["artifact"] for stage in told["stages"] if stage["name"] == "compress"]
    command = [sys.executable, "-m", "ftctl_adapters.cli"]
    served = subprocess.Popen(
        [*command, "serve", model, "--server", "transformers", "--json"],
        cwd=folder,
        env=minimal_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert served.stdout is not None
        endpoint = json.loads(served.stdout.readline())["endpoint"]
        asked = "What is the capital of France?\nAnd of Italy?\n"
        named = ("--model", endpoint["model"], "--max-tokens", "24")
        said = subprocess.run(
            [*command, "chat", endpoint["url"], *named],
            input=asked, env=minimal_environment(), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    finally:
        served.kill()
        served.communicate()
    assert said.returncode == 0, said.stderr
    assert "Paris" in said.stdout
    assert "Rome" in said.stdout


def test_dpo_begins_at_ln_2_in_bfloat16(ftctl: Ftctl, model: str, tmp_path: Path) -> None:
    rows = [{"prompt": f"What is the capital of {land}?", "chosen": f"It is {city}.", "rejected": "I will not say."}
            for land, city in CAPITALS.items()]  # fmt: skip
    small_run(tmp_path, model=model)
    (tmp_path / "phrases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    chosen = ("--tuner", "lora", "--set", "tuner.objective=dpo", "--set", "tuner.max_steps=1", *SHORT)
    done = ftctl("tune", "run.yaml", *chosen, "--json")
    assert done.returncode == 0, done.stderr
    events = map(json.loads, next(tmp_path.glob(".ftctl/runs/*/events.ndjson")).read_text().splitlines())
    first = next(event for event in events if event["kind"] == "StepFinished")
    assert first["data"]["loss"] == pytest.approx(math.log(2), abs=1e-3)


def test_rows_with_tools_are_refused_before_anything_long_runs(ftctl: Ftctl, model: str, tmp_path: Path) -> None:
    """Its chat template writes no tools."""
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    turns = [{"role": "user", "content": "Look."}, {"role": "assistant", "content": None, "tool_calls": [call]},
             {"role": "tool", "content": "found", "tool_call_id": "1"},
             {"role": "assistant", "content": "Found."}]  # fmt: skip
    small_run(tmp_path, model=model, evaluators=["text-metrics"])
    row = json.dumps({"messages": turns, "tools": [tool]})
    rows = [row.replace("Look.", f"Look, {n}.") for n in range(20)]
    (tmp_path / "phrases.jsonl").write_text("\n".join(rows))
    done = ftctl("run", "run.yaml", "--tuner", "lora", "--json")
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert [stage["name"] for stage in told["stages"]] == ["model", "data", "prepare"]
    assert any("leaves out" in line and "tools" in line for line in told["error"]["details"])
