"""A run file of one's own, on hand-written data in two languages."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ftctl
from tests.functional.small import small_run

pytestmark = pytest.mark.heavy


def test_a_sharegpt_file_gives_the_promised_document(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(
        tmp_path,
        rows=200,
        evaluators=[{"use": "text-metrics", "max_new_tokens": 24, "limit": 8}, {"use": "perplexity"}],
        server={"use": "transformers"},
        monitors=["jsonl", "tensorboard"],
    )
    done = ftctl("run", "run.yaml", "--json", "--once")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert list(result) == ["run_id", "status", "stages", "metrics", "endpoint", "report"]
    assert [stage["name"] for stage in result["stages"]] == [
        *("model", "data", "prepare", "baseline", "tune", "evaluate", "merge", "serve", "verify"),
    ]
    assert result["metrics"]["tuned"]["perplexity"]["value"] < result["metrics"]["base"]["perplexity"]["value"]
    run = tmp_path / ".ftctl" / "runs" / result["run_id"]
    ledger = next((tmp_path / ".ftctl" / "artifacts" / "dataset").glob("*/summary.json"))
    assert json.loads(ledger.read_text())["rows"] == 200
    assert [json.loads(line)["kind"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert tensorboard_scalars(run / "tensorboard") >= {"train/loss", "train/learning_rate", "evaluate/exact_match"}
    assert re.search("[\u4e00-\u9fff]", (run / "report.md").read_text())
    assert re.search("[\u4e00-\u9fff]", (run / "report.html").read_text())


def tensorboard_scalars(folder: Path) -> set[str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return set(events.Tags()["scalars"])


def test_both_directions_of_a_phrase_stand_in_one_split(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(tmp_path, rows=200)
    assert ftctl("data", "run.yaml").returncode == 0
    places: dict[str, set[str]] = {}
    for path in (tmp_path / ".ftctl" / "artifacts" / "dataset").glob("*/t*.jsonl"):
        for line in path.read_bytes().splitlines():
            places.setdefault(json.loads(line)["group"], set()).add(path.stem)
    assert len(places) > 80
    assert all(len(where) == 1 for where in places.values())


def test_show_labels_marks_what_is_trained(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(tmp_path)
    done = ftctl("tune", "run.yaml", "--show-labels", "3")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("⟦") == 3
    assert done.stderr.count("<|im_end|>⟧") == 3
    assert not list(tmp_path.glob(".ftctl/artifacts/adapter"))


def test_the_full_tuner_makes_a_whole_model(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(tmp_path, server={"use": "transformers"})
    done = ftctl("run", "run.yaml", "--tuner", "full", "--set", "tuner.max_steps=4", "--once", "--json")
    assert done.returncode == 0, done.stderr
    assert [stage["name"] for stage in json.loads(done.stdout)["stages"]] == [
        "model",
        "data",
        "tune",
        "serve",
        "verify",
    ]
    model = next((tmp_path / ".ftctl" / "artifacts" / "model").glob("*/trainer_state.json")).parent
    from transformers import AutoModelForCausalLM

    assert AutoModelForCausalLM.from_pretrained(model).num_parameters() > 2_000_000


def test_inline_gives_the_same_adapter_as_a_worker(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(tmp_path)
    made = []
    for arguments in (("--workspace", "a"), ("--workspace", "b", "--inline")):
        done = ftctl("tune", "run.yaml", "--json", "--set", "tuner.max_steps=4", *arguments)
        assert done.returncode == 0, done.stderr
        made.append(json.loads(done.stdout)["stages"][-1]["artifact"])
    assert made[0] == made[1]


def test_a_gate_that_is_not_met_is_code_7_with_the_figures(ftctl: Ftctl, tmp_path: Path) -> None:
    gates = [{"metric": "perplexity", "max_ratio": 0.0001}, {"metric": "perplexity", "max_ratio": 1, "confidence": 0.9}]
    small_run(tmp_path, evaluators=["perplexity"], gates=gates)
    done = ftctl("run", "run.yaml")
    assert done.returncode == 7
    assert "fail: perplexity of tuned is" in done.stderr
    assert "inconclusive: perplexity of tuned is" in done.stderr
    assert "about 30 examples would decide it, there are 12" in done.stderr
    (report,) = tmp_path.glob(".ftctl/runs/*/report.md")
    assert "| fail | perplexity of tuned is" in report.read_text()


def test_a_busy_port_is_said_before_the_server_starts(ftctl: Ftctl, tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        small_run(tmp_path, server={"use": "transformers", "port": port})
        done = ftctl("run", "run.yaml", "--once", "--set", "tuner.max_steps=1")
    assert done.returncode == 6
    assert f"port {port} on 127.0.0.1 is in use" in done.stderr


def test_a_model_folder_with_a_stray_pickle_runs_without_it(ftctl: Ftctl, tmp_path: Path) -> None:
    import shutil

    from ftctl_adapters.modeling.reference import BUILTIN

    shutil.copytree(BUILTIN["builtin:tiny"], tmp_path / "model")
    (tmp_path / "model" / "training_args.bin").write_bytes(b"\x80\x04cos\nsystem\n")
    small_run(tmp_path)
    done = ftctl("tune", "run.yaml", "--model", "model", "--set", "tuner.max_steps=1")
    assert done.returncode == 0, done.stderr
    assert "left out of the model's view: " in done.stderr
    assert "training_args.bin" in done.stderr
