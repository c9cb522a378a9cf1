"""The run of the README, from data to a verified server, in an empty folder.

``FTCTL_QUICK_START`` names a folder in which it has been run already.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import minimal_environment
from tests.docs.shell import documented
from tests.functional.ten import TEN

pytestmark = [pytest.mark.heavy, pytest.mark.quickstart]


def call(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ftctl_adapters.cli", *arguments],
        cwd=folder,
        env=minimal_environment(),
        capture_output=True,
        text=True,
        timeout=570,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ``ftctl run --once`` has run."""
    if made := os.environ.get("FTCTL_QUICK_START"):
        return Path(made)
    folder = tmp_path_factory.mktemp("quickstart")
    done = call(folder, "run", "--once")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def again(folder: Path) -> dict[str, Any]:
    """The JSON of the same command the second time."""
    done = call(folder, "run", "--once", "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_tuned_model_is_clearly_better_and_int8_stays_close(again: dict[str, Any]) -> None:
    exact = {subject: found["exact_match"]["value"] for subject, found in again["metrics"].items()}
    assert exact["base"] <= 0.05
    assert exact["tuned"] >= 0.70
    assert abs(exact["compressed"] - exact["tuned"]) <= 0.02
    assert again["metrics"]["tuned"]["perplexity"]["value"] < again["metrics"]["base"]["perplexity"]["value"]


def test_the_table_and_the_endpoint_are_printed(folder: Path, again: dict[str, Any]) -> None:
    done = call(folder, "run", "--once")
    assert re.search(r"metric +base +tuned +compressed", done.stdout)
    assert re.search(r"endpoint http://127\.0\.0\.1:\d+/v1 .*\(verified, stopped\)", done.stdout)
    assert "Traceback" not in done.stderr


def test_again_every_stage_that_makes_something_is_cached(again: dict[str, Any]) -> None:
    assert {s["name"] for s in again["stages"] if s["status"] == "done"} == {"serve", "verify"}
    assert {s["status"] for s in again["stages"]} == {"cached", "done"}
    assert again["endpoint"]["url"].startswith("http://127.0.0.1:")


def test_the_tutorials_commands_say_what_its_page_says(folder: Path, again: dict[str, Any]) -> None:
    def said(beginning: str) -> str:
        done = call(folder, *documented("tutorial/first-run.md", beginning))
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    planned = said("run --dry-run")
    assert "memory, estimated" in planned
    assert re.search(r"test split: \d+ examples detect a difference of 0\.\d+ between two shares", planned)
    assert re.search(r"evaluating a model: at most [\d,]+ answers with [\d,]+ tokens, [\d,]+ scores", planned)
    assert documented("tutorial/first-run.md", "run --once") == ("run", "--once"), "which is what made the folder"
    assert again["run_id"] in said("runs list")
    assert "0 damaged" in said("doctor")
    assert said("tune --show-labels").count("⟧") >= 3


@pytest.mark.nightly
@pytest.mark.parametrize("damage", ["noise", "template"])
def test_a_gate_names_what_a_damaged_model_lost(folder: Path, again: dict[str, Any], damage: str) -> None:
    broken = folder / damage
    shutil.copytree(artifact(folder, again, "merge"), broken, ignore=shutil.ignore_patterns("manifest.json", "golden*"))
    DAMAGES[damage](broken)
    ten = TEN.strip("\n").replace("text-metrics, max_new_tokens: 16", "text-metrics, max_new_tokens: 96, limit: 60")
    (folder / f"{damage}.yaml").write_text(DAMAGED.format(model=broken, run=again["run_id"], ten=ten))
    done = call(folder, "evaluate", f"{damage}.yaml", "--json")
    assert done.returncode == 7, done.stderr[-3000:]
    document = json.loads(done.stdout)
    assert document["error"]["code"] == "gate-refused"
    assert [(one["metric"], one["verdict"]) for one in document["gates"]] == [("exact_match", "fail")]
    assert document["metrics"]["tuned"]["exact_match"]["value"] < 0.5
    assert len(json.loads(Path(document["report"]).with_name("report.json").read_text())["results"]) == 10
    assert "| fail | exact_match of tuned gains" in Path(document["report"]).read_text()


DAMAGED = """
model: {model}
data_source: {{use: pydoc, task: signature, split: {{validation: 0.05, test: 0.1}}, data_seed: 7}}
tuner:
  {{use: lora, rank: 1, learning_rate: 1.0e-9, max_steps: 1, max_length: 512, bf16: false,
   per_device_train_batch_size: 1}}
{ten}
gates: [{{metric: exact_match, over: "run:{run}", min_gain: -0.05, confidence: 0.95}}]
"""


def add_noise(model: Path) -> None:
    """Six tenths of what the weights spread."""
    import torch
    from safetensors.torch import load_file, save_file

    draw = torch.Generator().manual_seed(1)
    tensors = load_file(model / "model.safetensors")
    for name, tensor in tensors.items():
        noise = torch.randn(tensor.shape, generator=draw) * tensor.float().std() * 0.6
        tensors[name] = (tensor.float() + noise).to(tensor.dtype) if tensor.ndim > 1 else tensor
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})


def break_template(model: Path) -> None:
    """It cuts questions off."""
    path = model / "chat_template.jinja"
    text, content = path.read_text(), "{{ message['content'] }}"
    assert content in text
    cut = "{{ message['content'][:12] if message['role'] == 'user' else message['content'] }}"
    path.write_text(text.replace(content, cut))


DAMAGES = {"noise": add_noise, "template": break_template}


def test_after_once_nobody_listens(again: dict[str, Any]) -> None:
    port = int(again["endpoint"]["url"].rpartition(":")[2].removesuffix("/v1"))
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_reports_stand_alone(folder: Path, again: dict[str, Any]) -> None:
    report = Path(again["report"])
    text, page = report.read_text(), report.with_suffix(".html").read_text()
    for part in ("## Metrics", "exact_match", "± ", "## Lineage", "transformers 5", "builtin:tiny", "split test"):
        assert part in text
    assert page.count("<svg") >= 3
    assert not re.search(r"<(script|link|img|iframe)|src=|https?://(?!127)", page.partition("<h2>Configuration")[0])
    assert page.count("<tr>") > 30
    assert "<td><code>[&quot;" in page


def test_ten_examples_show_the_three_answers(folder: Path, again: dict[str, Any]) -> None:
    text = Path(again["report"]).read_text()
    assert len(re.findall(r"^- compressed: `", text, re.MULTILINE)) == 10


def test_the_adapter_is_plain_peft(folder: Path, again: dict[str, Any]) -> None:
    from peft import PeftConfig

    adapter = artifact(folder, again, "tune")
    names = {path.name for path in adapter.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "tokenizer.json"} <= names
    assert PeftConfig.from_pretrained(str(adapter)).r == 16
    golden = json.loads((adapter / "golden.json").read_text())
    assert len(golden) >= 8
    assert all(len(case["margins"]) == len(case["output_ids"]) for case in golden)


def test_the_ledger_adds_up(folder: Path, again: dict[str, Any]) -> None:
    data = artifact(folder, again, "data")
    summary = json.loads((data / "summary.json").read_text())
    assert sum(summary["states"].values()) == summary["rows"] == len((data / "ledger.jsonl").read_bytes().splitlines())
    assert 4500 < summary["rows"] < 7500


def test_nothing_stored_is_readable_by_others_of_the_group(folder: Path) -> None:
    assert (folder / ".ftctl").stat().st_mode & 0o077 == 0


def test_runs_are_listed_shown_and_told(folder: Path, again: dict[str, Any]) -> None:
    run_id = again["run_id"]
    assert run_id in call(folder, "runs", "list").stdout
    assert "exact_match" in call(folder, "runs", "show", run_id).stdout
    assert "CheckpointSaved" in call(folder, "runs", "events", run_id).stdout
    assert "exact_match" in call(folder, "runs", "show", run_id[:-1]).stdout, "the beginning of the name is enough"
    wrong = call(folder, "runs", "show", f"{run_id}x")
    assert (wrong.returncode, "did you mean" in wrong.stderr) == (2, True)


def test_doctor_is_content_and_notices_a_flipped_bit(folder: Path, again: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(folder / ".ftctl", tmp_path / ".ftctl")
    assert call(tmp_path, "doctor").returncode == 0
    weights = artifact(tmp_path, again, "compress") / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    assert call(tmp_path, "doctor").returncode == 4
    served = call(tmp_path, "run", "--once")
    assert served.returncode == 4
    assert "differs from its SHA-256" in served.stderr


def test_the_dry_run_says_what_is_cached_and_imports_no_backend(folder: Path, again: dict[str, Any]) -> None:
    code = (
        "import sys; sys.argv = ['ftctl', 'run', '--dry-run', '--json']\n"
        "from ftctl_adapters.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as done: print(done.code or 0, {'torch', 'transformers', 'peft'} & sys.modules.keys())"
    )
    environment = {**minimal_environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    plan, ending = done.stdout.splitlines()
    assert ending == "0 set()"
    stages = json.loads(plan)["stages"]
    assert [s["name"] for s in stages if not s["cached"]] == ["serve", "verify"]
    assert [s["name"] for s in stages] == [s["name"] for s in again["stages"]]
    assert json.loads(plan)["resources"]["trained_parameters"] == 229_376


def artifact(folder: Path, result: dict[str, Any], stage: str) -> Path:
    return folder / ".ftctl" / "artifacts" / next(s["artifact"] for s in result["stages"] if s["name"] == stage)
