"""vLLM itself: a model that was just tuned is served, verified, asked, and gone again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Message, Prompt
from ftctl.domain.launch import Endpoint
from ftctl.plugin import read_split
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.target import LoadedTarget
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.serving.target import EndpointTarget, Link
from tests.backends.asking import descendants, left, streamed, text
from tests.conftest import Ftctl, minimal_environment
from tests.docs.shell import documented
from tests.functional.small import small_run

SHOWN = "http://127.0.0.1:8000/v1"
"""Where the pages' servers answer."""

pytestmark = [pytest.mark.heavy, pytest.mark.backends]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, environment: Callable[[str], None]) -> Path:
    """A folder whose run file trains an adapter in seconds."""
    environment("vllm")
    folder = tmp_path_factory.mktemp("vllm")
    small_run(folder)
    return folder


@pytest.fixture(scope="module")
def serving(workspace: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """``ftctl serve`` over vLLM, and where it answers."""
    shown = documented("how-to/vllm.md", "serve my.yaml", {"my.yaml": "run.yaml", "8000": "0"})
    command = [sys.executable, "-m", "ftctl_adapters.cli", *shown, "--json", "--set=server.max_model_len=512"]
    command += ["--set=server.dtype=float32"]
    process = subprocess.Popen(
        command, cwd=workspace, env=minimal_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1][-3000:]
    yield process, json.loads(line)["endpoint"]["url"]
    process.kill()
    process.wait()


def test_a_merged_model_answers_on_vllm_as_it_did_in_transformers(serving: tuple[Any, str]) -> None:
    """`ftctl serve` has replayed the golden cases before it says where it answers."""
    _, url = serving
    models = json.load(urllib.request.urlopen(f"{url}/models", timeout=10))["data"]
    assert [model["id"] for model in models] == ["model"]
    whole = text(url)
    assert whole
    assert streamed(url) == whole


def test_eight_requests_at_once_are_answered(serving: tuple[Any, str]) -> None:
    _, url = serving
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(text(url))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1


def test_what_vllm_scores_is_what_the_merged_model_scores_here(
    serving: tuple[Any, str], workspace: Path, ftctl: Ftctl
) -> None:
    _, url = serving
    merged = next(path.parent for path in workspace.glob(".ftctl/artifacts/model/*/golden.json"))
    shown = documented("how-to/evaluate.md", "evaluate my.yaml --endpoint", {"my.yaml": "run.yaml", SHOWN: url})
    asked = ("--evaluator", "perplexity", "--set", f"endpoint.tokenizer={merged}", "--json")
    done = ftctl(*shown, *asked, cwd=workspace)
    assert done.returncode == 0, done.stderr
    stages = {one["name"]: one["artifact"] for one in json.loads(done.stdout)["stages"]}
    folders = {name: workspace / ".ftctl" / "artifacts" / made for name, made in stages.items()}
    lines = (folders["evaluate-served"] / "perplexity.samples.jsonl").read_text().splitlines()
    data = Artifact("dataset", "ftctl-dataset", folders["data"].name, str(folders["data"]))
    here = in_process(merged).score(list(read_split(data, "test")))
    for line, score in zip(map(json.loads, lines), here, strict=True):
        assert line["tokens"] == score.tokens
        assert abs(line["log_probability"] - score.log_probability) < 1e-4


def test_vllm_goes_on_with_an_answer_that_has_begun_as_the_merged_model_does_here(
    serving: tuple[Any, str], workspace: Path
) -> None:
    _, url = serving
    merged = next(path.parent for path in workspace.glob(".ftctl/artifacts/model/*/golden.json"))
    asked = [Prompt((Message("user", "Where is the mill?"),), begun=begun) for begun in ("The mill", "By the river,")]
    here = in_process(merged)
    there = EndpointTarget(Endpoint(url, "model"), Link(), ChatTokenizer(str(merged)))
    told = [answer.text for answer in there.generate(asked, 8)]
    assert told == [answer.text for answer in here.generate(asked, 8)]
    plain = [answer.text for answer in here.generate([Prompt(one.messages) for one in asked], 8)]
    assert told[0] not in plain


def in_process(folder: Path) -> LoadedTarget:
    model = Artifact("model", "hf", "", str(folder))
    return LoadedTarget(load_whole(model).float(), ChatTokenizer.of(model))


def test_when_the_engine_dies_ftctl_ends_with_the_servers_last_lines(
    serving: tuple["subprocess.Popen[str]", str], workspace: Path
) -> None:
    process, _ = serving
    engine = [pid for pid in descendants(process.pid) if b"EngineCore" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert engine
    for pid in engine:
        os.kill(pid, signal.SIGKILL)
    started = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - started < 30
    assert process.returncode == 6
    assert "[server-died]" in err
    assert left(workspace) == []


def test_an_adapter_is_served_beside_its_base_and_nothing_is_left_afterwards(ftctl: Ftctl, workspace: Path) -> None:
    done = ftctl(
        *("run", "run.yaml", "--once", "--json", "--server", "vllm"),
        *("--set", "server.enable_lora=true", "--set", "server.max_model_len=512"),
        cwd=workspace,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    stages = {stage["name"]: stage for stage in json.loads(done.stdout)["stages"]}
    assert "merge" not in stages
    assert stages["verify"]["status"] == "done"
    assert left(workspace) == []
