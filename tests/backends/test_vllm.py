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

from tests.conftest import Ftctl, minimal_environment
from tests.functional.small import small_run

pytestmark = [pytest.mark.heavy, pytest.mark.backends]
VLLM = {"use": "vllm", "max_model_len": 512}


def left(folder: Path) -> list[str]:
    """Command lines of living processes that have to do with this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return [line for line in found if str(folder) in line or "VLLM::" in line]


def descendants(pid: int) -> set[int]:
    """The processes that a process started, and theirs."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, size = {pid}, 0
    while size != len(found):
        size = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found - {pid}


def ask(url: str, **more: Any) -> Any:
    body = {"model": "model", "messages": [{"role": "user", "content": "Good morning"}], "max_tokens": 24}
    content = json.dumps(body | {"temperature": 0} | more).encode()
    return urllib.request.urlopen(
        urllib.request.Request(f"{url}/chat/completions", content, {"Content-Type": "application/json"}), timeout=60
    )


def text(url: str) -> str:
    return str(json.load(ask(url))["choices"][0]["message"]["content"])


def streamed(url: str) -> str:
    lines = ask(url, stream=True).read().decode().splitlines()
    pieces = [json.loads(line[6:])["choices"][0]["delta"] for line in lines if line.startswith("data: {")]
    return "".join(piece.get("content") or "" for piece in pieces)


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
    settings = [f"--set=server.{key}={value}" for key, value in VLLM.items() if key != "use"]
    command = [sys.executable, "-m", "ftctl_adapters.cli", "serve", "run.yaml", "--server", "vllm", "--json", *settings]
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


@pytest.mark.parametrize(
    ("compressor", "told", "share"),
    [
        ("gptq", {"bits": 4, "group_size": 64}, 0.55),
        ("gptqmodel", {"bits": 4, "group_size": 64}, 0.55),
        ("w8a8", {"bits": 8, "activation_bits": 8}, 0.7),
    ],
)
def test_quantised_weights_are_smaller_measured_and_served(
    ftctl: Ftctl,
    workspace: Path,
    environment: Callable[[str], None],
    compressor: str,
    told: dict[str, int],
    share: float,
) -> None:
    environment("gptq" if compressor == "gptqmodel" else "llmcompressor")
    done = ftctl(
        *("run", "run.yaml", "--once", "--json", "--compressor", compressor, "--server", "vllm"),
        *("--evaluator", "perplexity", "--set", "server.max_model_len=512"),
        cwd=workspace,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    document = json.loads(done.stdout)
    stages = {stage["name"]: stage for stage in document["stages"]}
    manifest = workspace / ".ftctl" / "artifacts" / stages["compress"]["artifact"] / "manifest.json"
    made = json.loads(manifest.read_text())["facts"]["compression"]
    assert made.items() >= told.items()
    assert made["bytes_after"] < share * made["bytes_before"]
    perplexity = {subject: found["perplexity"]["value"] for subject, found in document["metrics"].items()}
    assert perplexity["compressed"] < 1.2 * perplexity["tuned"]
    assert stages["verify"]["status"] == "done"
    assert left(workspace) == []
