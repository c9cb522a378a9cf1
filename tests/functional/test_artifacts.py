"""Artifacts outside of a run: served, talked to, measured, and verified against servers that are right and wrong."""

import json
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ftctl, minimal_environment
from tests.docs.shell import ROOT, blocks, documented
from tests.functional.small import small_run

pytestmark = pytest.mark.heavy
SHOWN = "http://127.0.0.1:8000/v1"
"""Where the page's server answers."""
Serve = Callable[..., "tuple[subprocess.Popen[str], str, str]"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a small run tuned a whole model."""
    folder = tmp_path_factory.mktemp("artifacts")
    small_run(folder)
    given = ("learning_rate=3e-3", "max_steps=12", "max_length=256", "bf16=false", "per_device_train_batch_size=8")
    command = [sys.executable, "-m", "ftctl_adapters.cli", "tune", "run.yaml", "--tuner", "full"]
    command += [f"--set=tuner.{setting}" for setting in given]
    done = subprocess.run(command, cwd=folder, env=minimal_environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def tuned(workspace: Path) -> Path:
    """The folder of the tuned model."""
    return next(path.parent for path in workspace.glob(".ftctl/artifacts/model/*/golden.json"))


@pytest.fixture(scope="module")
def serve(workspace: Path) -> Iterator[Serve]:
    """Starts ``ftctl serve TARGET``; its process, URL and model name."""
    started = []

    def start(target: str) -> tuple["subprocess.Popen[str]", str, str]:
        shown = documented("how-to/serve.md", "serve ./some-model", {"./some-model": target})
        command = [sys.executable, "-m", "ftctl_adapters.cli", *shown, "--json"]
        process = subprocess.Popen(
            command, cwd=workspace, env=minimal_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1][-3000:]
        found = json.loads(line)["endpoint"]
        return process, found["url"], found["model"]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def serving(serve: Serve, tuned: Path) -> tuple["subprocess.Popen[str]", str, str]:
    return serve(f"model/{tuned.name[:12]}")


def test_what_is_said_to_a_served_artifact_is_answered_with_history(
    ftctl: Ftctl, serving: Any, workspace: Path
) -> None:
    _, url, model = serving
    asked = "Good morning\n/undo\nGood morning\n"
    shown = documented("how-to/serve.md", "chat", {SHOWN: url})
    command = [sys.executable, "-m", "ftctl_adapters.cli", *shown, "--model", model, "--max-tokens", "8"]
    said = subprocess.run(command, input=asked, env=minimal_environment(), capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    half = len(said.stdout) // 2
    assert said.stdout.strip()
    assert said.stdout[:half] == said.stdout[half:]


def test_the_request_of_its_page_is_answered(serving: Any) -> None:
    _, url, model = serving
    (block,) = blocks(ROOT / "docs" / "how-to" / "request.md")
    command = block.replace("http://127.0.0.1:33385/v1", url)
    command = command.replace("/home/me/project/.ftctl/artifacts/model/797c43e5…", model)
    assert url in command
    assert model in command
    done = subprocess.run(
        ["sh", "-c", command.replace("curl ", "curl -s ")], capture_output=True, text=True, timeout=60
    )
    assert json.loads(done.stdout)["choices"][0]["message"]["content"], done.stderr


def completed(url: str, model: str, **asked: Any) -> tuple[int, str]:
    """Status and text of one request for a chat completion."""
    body = {"model": model, "messages": [{"role": "user", "content": "Good morning"}], "max_tokens": 12, **asked}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, json.load(reply)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_request_is_answered_as_it_asks(serving: Any) -> None:
    """Sampled where a temperature is given, the same for the same seed, and cut before a stop text."""
    _, url, model = serving
    greedy = completed(url, model, temperature=0)[1]
    assert completed(url, model, temperature=0, seed=7)[1] == greedy
    drawn = [completed(url, model, temperature=1.5, seed=seed)[1] for seed in (1, 2, 3, 1)]
    assert len(set(drawn)) > 1
    assert drawn[0] == drawn[3]
    stop = greedy[len(greedy) // 2 :][:3]
    assert completed(url, model, temperature=0, stop=[stop]) == (200, greedy[: greedy.index(stop)])


def test_the_server_calls_its_model_by_a_short_name(serving: Any) -> None:
    _, url, model = serving
    assert model == "model"
    with urllib.request.urlopen(f"{url}/models", timeout=60) as reply:
        assert [one["id"] for one in json.load(reply)["data"]] == ["model"]
    status, said = completed(url, "gpt-4")
    assert status == 404
    assert "no model 'gpt-4' here; it is 'model'" in said


@pytest.mark.parametrize("asked", [{"messages": []}, {"max_tokens": 0}, {"max_completion_tokens": -1}, {"n": 2}])
def test_a_request_that_makes_no_sense_is_refused_and_the_key_named(serving: Any, asked: dict[str, Any]) -> None:
    _, url, model = serving
    status, said = completed(url, model, **asked)
    assert status == 400
    assert next(iter(asked)) in said


def test_a_server_is_measured_level_by_level(ftctl: Ftctl, serving: Any, tmp_path: Path) -> None:
    _, url, model = serving
    shown = documented("how-to/serve.md", "bench-serve", {SHOWN: url, "1,8": "1,3", "128,1024": "24,96"})
    done = ftctl(*shown, "--model", model, "--requests", "3", "--max-tokens", "4", "--json")
    assert done.returncode == 0, done.stderr
    levels = json.loads(done.stdout)["levels"]
    assert [level["concurrency"] for level in levels] == [1, 3, 1, 3]
    # a model that is hardly trained may have no word for a text that is another each time
    assert {level["first_error"] for level in levels} <= {"", "no text came"}
    assert all(level["tokens"] <= 4 for level in levels)
    for level, asked in zip(levels, (24, 24, 96, 96), strict=True):
        assert abs(level["prompt_tokens"] - asked) < 0.4 * asked
    assert all(0 < level["ttft"]["p50"] <= level["latency"]["p50"] <= level["latency"]["p99"] for level in levels)
    page = (tmp_path / "curves.html").read_text()
    assert page.count("<svg") == 6
    assert "requests at a time" in page
    lost = ftctl("bench-serve", url, "--model", "no-such-model", "--requests", "1")
    assert lost.returncode == 6
    assert "no-such-model" in lost.stderr


def test_an_artifact_is_verified_against_a_running_server(
    ftctl: Ftctl, serving: Any, tuned: Path, workspace: Path
) -> None:
    _, url, model = serving
    shown = documented("how-to/serve.md", "verify adapter/", {"adapter/6c87fc79b5ae": str(tuned), SHOWN: url})
    done = ftctl(*shown, "--served-model", model, "--json", cwd=workspace)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["metrics"]["golden_agreement"]["value"] == 1.0
    assert document["artifact"] == f"model/{tuned.name[:12]}"


def test_a_server_is_asked_by_the_evaluators_and_refused_what_it_cannot_tell(
    ftctl: Ftctl, serving: Any, tuned: Path, workspace: Path
) -> None:
    _, url, model = serving
    shown = documented("how-to/evaluate.md", "evaluate my.yaml --endpoint", {"my.yaml": "run.yaml", SHOWN: url})
    command = (*shown, "--served-model", model, "--json")
    done = ftctl(*command, "--evaluator", "text-metrics", "--set", "gates=[{metric: f1, min_value: 0}]", cwd=workspace)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert list(document["metrics"]) == ["served"]
    assert document["gates"][0]["subject"] == "served"
    assert [stage["name"] for stage in document["stages"]] == ["data", "evaluate-served"]
    refused = ftctl(*command, "--evaluator", "perplexity", "--set", f"endpoint.tokenizer={tuned}", cwd=workspace)
    assert refused.returncode == 6
    assert "its /completions refuses `echo` with `logprobs`" in refused.stderr


@pytest.mark.parametrize("wrong", ["template", "tokenizer", "weights"])
def test_the_cause_is_named_when_a_server_is_wrong(
    ftctl: Ftctl, serve: Serve, tuned: Path, workspace: Path, tmp_path: Path, wrong: str
) -> None:
    folder = tmp_path / "wrong"
    shutil.copytree(tuned, folder)
    for name in ("manifest.json", "golden.json"):
        (folder / name).unlink()
    if wrong == "template":
        template = folder / "chat_template.jinja"
        template.write_text("You are a kind and helpful assistant.\n" + template.read_text())
    elif wrong == "tokenizer":
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:900]
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    else:
        folder = workspace.joinpath(".ftctl/artifacts/model", _base(workspace))
    process, url, model = serve(str(folder))
    nothing = ftctl("verify", str(folder), "--against", url, "--served-model", model, cwd=workspace)
    assert nothing.returncode == 2
    assert "nothing was compared" in nothing.stderr
    done = ftctl("verify", str(tuned), "--against", url, "--served-model", model, cwd=workspace)
    assert done.returncode == 4, (done.stdout, done.stderr)
    assert f"golden cases differ: {wrong}:" in done.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130


def test_what_cannot_be_served_is_said_in_a_line(ftctl: Ftctl, tuned: Path, workspace: Path) -> None:
    for arguments, code, said in (
        (("serve", "model/00000000"), 2, "no model or adapter named 'model/00000000'"),
        (("serve", str(tuned)), 2, "which server is to serve"),
        (("serve", str(tuned), "--server", "transformers", "--tuner", "lora"), 2, "--tuner describes a run"),
        (("verify", str(tuned)), 2, "what must it be verified against?"),
        (("verify", "run.yaml", "--against", "vllm"), 2, "--against is for an artifact"),
        (("verify", "run.yaml", "--min-agreement", "0.9"), 2, "--min-agreement is for an artifact"),
        (("verify", str(tuned), "--against", "http://127.0.0.1:9"), 6, "name the model with --model"),
        (("chat", "localhost:8000"), 2, "is no URL of a server"),
    ):
        done = ftctl(*arguments, cwd=workspace)
        assert done.returncode == code, (arguments, done.stderr)
        assert said in done.stderr
        assert done.stdout == ""


def test_nothing_is_left_of_a_server_that_was_stopped(serving: Any, workspace: Path) -> None:
    process, _, _ = serving
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    assert list(workspace.glob(f".ftctl/serving/{process.pid}-*")) == []


def _base(workspace: Path) -> str:
    """The digest of the model that was tuned."""
    documents = [json.loads(path.read_text()) for path in workspace.glob(".ftctl/artifacts/model/*/manifest.json")]
    stages = {document["lineage"]["stage"]: document for document in documents}
    inputs: dict[str, str] = stages["tune"]["lineage"]["inputs"]
    return inputs["model"]
