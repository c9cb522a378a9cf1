"""Tuners and objectives from the command line, on real input."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from tests.conftest import Ftctl
from tests.functional.small import PHRASES, small_run

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy

QUICK = "{learning_rate: 1e-2, max_length: 256, bf16: false, max_steps: 8, per_device_train_batch_size: 4"


def write(folder: Path, rows: list[dict[str, Any]], tuner: str, rest: str = "") -> None:
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "data.jsonl").write_text(lines + "\n", encoding="utf-8")
    source = "data_source: {use: jsonl, path: data.jsonl}"
    text = f"model: builtin:tiny\n{source}\ntuner: {QUICK}, {tuner}}}\n{rest or 'evaluators: []'}\n"
    (folder / "run.yaml").write_text(text, encoding="utf-8")


def losses(folder: Path) -> list[float]:
    path = next(folder.glob(".ftctl/runs/*/events.ndjson"))
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [event["data"]["loss"] for event in events if event["kind"] == "StepFinished" and "loss" in event["data"]]


def test_preference_pairs_train_by_dpo(ftctl: Ftctl, tmp_path: Path) -> None:
    words = ["red", "blue", "green", "black", "white", "brown", "grey", "pink", "gold", "orange", "silver", "violet"]
    rows = [{"prompt": f"Name {w}.", "chosen": f"{w}!", "rejected": f"No {w} here."} for w in words]
    write(tmp_path, rows, "use: lora, objective: dpo, beta: 0.3, logging_steps: 1")
    done = ftctl("tune", "run.yaml", "--json")
    assert done.returncode == 0, done.stderr
    found = losses(tmp_path)
    assert abs(found[0] - 0.6931) < 1e-3
    assert found[-1] < found[0]
    assert "objective: dpo" in next(tmp_path.glob(".ftctl/runs/*/run.yaml")).read_text()


def test_raw_text_is_split_packed_and_trained(ftctl: Ftctl, tmp_path: Path) -> None:
    rows = [{"text": f"Paragraph {n} says: " + "words and more words, " * (n % 30 + 5)} for n in range(40)]
    write(tmp_path, rows, "use: lora, objective: pt, overlong: split, packing: true, logging_steps: 1")
    done = ftctl("tune", "run.yaml", "--json")
    assert done.returncode == 0, done.stderr
    found = losses(tmp_path)
    assert found[-1] < 0.8 * found[0]


@pytest.mark.parametrize("tuner", ["adapter", pytest.param("prefix", marks=pytest.mark.nightly)])
def test_a_method_that_cannot_be_merged_is_measured_but_not_served(ftctl: Ftctl, tmp_path: Path, tuner: str) -> None:
    lines = PHRASES.read_text(encoding="utf-8").splitlines()[:60]
    rest = "evaluators: [{use: text-metrics, max_new_tokens: 8, limit: 3}, perplexity]"
    write(tmp_path, [json.loads(line) for line in lines], f"use: {tuner}", rest)
    refused = ftctl("run", "run.yaml", "--server", "transformers")
    assert refused.returncode == 2
    assert "but the stage before it produces" in refused.stderr
    done = ftctl("evaluate", "run.yaml", "--json")
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)["metrics"]
    assert metrics["tuned"]["perplexity"]["value"] < metrics["base"]["perplexity"]["value"]


def test_an_objective_that_is_not_there_or_not_meant_is_told(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(tmp_path)
    unknown = ftctl("tune", "run.yaml", "--set", "tuner.objective=dop")
    assert unknown.returncode == 2
    assert "did you mean 'dpo'?" in unknown.stderr
    unwanted = ftctl("tune", "run.yaml", "--set", "tuner.beta=0.1")
    assert unwanted.returncode == 2
    assert "tuner.beta: unknown key" in unwanted.stderr
    conversations = ftctl("tune", "run.yaml", "--set", "tuner.objective=pt")
    assert conversations.returncode == 3
    assert "pt trains on raw text" in conversations.stderr


def test_find_lr_draws_a_sweep_and_leaves_nothing(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(tmp_path)
    shown = ftctl("tune", "run.yaml", "--find-lr", "--set", "tuner.per_device_train_batch_size=2")
    assert shown.returncode == 0, shown.stderr
    (suggested,) = re.findall(r"the loss falls fastest at (\S+)", shown.stderr)
    assert 1e-5 < float(suggested) < 0.5, "where LoRA on this model learns"
    kinds = {path.name for path in (tmp_path / ".ftctl" / "artifacts").iterdir()}
    assert kinds == {"model", "dataset"}
    assert ftctl("tune", "run.yaml", "--find-lr", "--show-labels", "2").returncode == 2


def vocabulary(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text())["vocab_size"])


def test_new_tokens_are_trained_merged_and_served(ftctl: Ftctl, tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"<think>{n}</think>{n}"}]}
        for n in range(60)
    ]
    rest = 'add_tokens: ["<think>", "</think>"]\nevaluators: []\nserver: {use: transformers}'
    write(tmp_path, rows, "use: lora, modules_to_save: [embed_tokens]", rest)
    shown = ftctl("tune", "run.yaml", "--show-labels", "1")
    assert shown.returncode == 0, shown.stderr
    assert "<think>" in shown.stdout + shown.stderr
    done = ftctl("run", "run.yaml", "--once", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [stage["name"] for stage in document["stages"]][:4] == ["model", "extend", "data", "tune"]
    merged = next(stage["artifact"] for stage in document["stages"] if stage["name"] == "merge")
    served = next((tmp_path / ".ftctl" / "artifacts").glob(f"{merged}*"))
    (extended,) = [
        path.parent
        for path in tmp_path.glob(".ftctl/artifacts/model/*/tokenizer.json")
        if path.parent != served and ChatTokenizer(str(path.parent)).encode("<think>") == [vocabulary(path.parent) - 2]
    ]
    assert ChatTokenizer(str(served)).encode("<think>") == [vocabulary(served) - 2]
    before, after = (load_base(str(folder), None).get_input_embeddings().weight for folder in (extended, served))
    assert not torch.equal(before[-2:], after[-2:]), "the new rows have learnt"
    assert torch.equal(before[-3], after[-3]), "a token that is not in the data has not"
    assert ftctl("run", "run.yaml", "--set", "add_tokens=[a, a]").returncode == 2
