"""The ONNX exporter and the server over it: a model that was just tuned is exported, measured, served and asked."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.example import Message, Prompt
from ftctl.domain.launch import Endpoint
from ftctl_adapters.modeling.onnx import OnnxTarget
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.serving.target import EndpointTarget, Link
from tests.backends.asking import ask, left, streamed, text
from tests.conftest import Ftctl, minimal_environment
from tests.docs.shell import documented
from tests.functional.small import small_run

pytestmark = [pytest.mark.heavy, pytest.mark.backends]
WAITING = 3


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, environment: Callable[[str], None]) -> Path:
    environment("onnx")
    folder = tmp_path_factory.mktemp("onnx")
    small_run(folder)
    return folder


@pytest.fixture(scope="module")
def serving(workspace: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """``ftctl serve`` over ONNX Runtime, started again once should it die; and where it answers."""
    shown = documented("how-to/onnx.md", "serve", {"my.yaml": "run.yaml", "8000": "0"})
    given = (f"--set=server.max_waiting={WAITING}", "--restart", "1")
    command = [sys.executable, "-m", "ftctl_adapters.cli", *shown, "--json", *given]
    process = subprocess.Popen(
        command, cwd=workspace, env=minimal_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1][-3000:]
    yield process, json.loads(line)["endpoint"]["url"]
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("precision", "share"), [("fp32", 2.2), ("int4", 0.5)])
def test_an_exported_model_is_measured_served_and_verified(
    ftctl: Ftctl, workspace: Path, precision: str, share: float
) -> None:
    done = ftctl(
        *("run", "run.yaml", "--once", "--json", "--compressor", "onnx", "--server", "onnx"),
        *("--evaluator", "perplexity", "--evaluator", "text-metrics", "--set", f"compressor.precision={precision}"),
        *("--set", "evaluate_served=true"),
        cwd=workspace,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    document = json.loads(done.stdout)
    assert {stage["name"]: stage["status"] for stage in document["stages"]}["verify"] == "done"
    manifests = [json.loads(path.read_text()) for path in workspace.glob(".ftctl/artifacts/model/*/manifest.json")]
    facts = [m["facts"]["compression"] for m in manifests if m["format"] == "onnx-genai"]
    made = next(fact for fact in facts if fact["precision"] == precision)
    assert made["bytes_after"] < share * made["bytes_before"]
    measured = {subject: {k: m["value"] for k, m in found.items()} for subject, found in document["metrics"].items()}
    near = 0.01 if precision == "fp32" else 0.25  # four bits cost a model of two million parameters so much
    assert measured["compressed"]["perplexity"] == pytest.approx(measured["tuned"]["perplexity"], rel=near)
    # what the server tells of its tokens is what the runtime in process tells
    assert measured["served"]["perplexity"] == pytest.approx(measured["compressed"]["perplexity"], rel=1e-6)
    if precision == "fp32":
        assert measured["compressed"] == pytest.approx(measured["tuned"], rel=0.02, abs=0.02)
    assert left(workspace) == []


def test_an_answer_that_has_begun_is_gone_on_with_in_process_and_by_the_server(serving: Any, workspace: Path) -> None:
    _, url = serving
    manifests = {
        path: json.loads(path.read_text()) for path in workspace.glob(".ftctl/artifacts/model/*/manifest.json")
    }
    exported = {path.parent: m["facts"]["compression"] for path, m in manifests.items() if m["format"] == "onnx-genai"}
    (folder,) = [path for path, made in exported.items() if made["precision"] == "fp32"]
    asked = Prompt((Message("user", "Where is the mill?"),), begun="The mill is")
    here = OnnxTarget(str(folder))
    there = EndpointTarget(Endpoint(url, "model"), Link(), ChatTokenizer(str(folder)))
    told, served = (target.generate([asked], 8)[0].text for target in (here, there))
    assert told == served
    assert told != here.generate([evolve(asked, begun="")], 8)[0].text


def test_pieces_of_a_stream_are_the_whole_answer_and_end_with_counts(serving: Any) -> None:
    _, url = serving
    whole = json.load(ask(url))
    assert streamed(url) == whole["choices"][0]["message"]["content"] != ""
    lines = ask(url, stream=True, stream_options={"include_usage": True}).read().decode().splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert events[-1]["usage"] == whole["usage"]
    assert lines[-2] == "data: [DONE]"


def test_lengths_stops_and_temperature_are_respected(serving: Any) -> None:
    _, url = serving
    long = json.load(ask(url, max_tokens=30, ignore_eos=True))
    assert long["usage"]["completion_tokens"] == 30
    assert long["choices"][0]["finish_reason"] == "length"
    said = long["choices"][0]["message"]["content"]
    stop = said[4:6]
    cut = json.load(ask(url, max_tokens=30, ignore_eos=True, stop=[stop]))["choices"][0]
    assert cut["message"]["content"] == said[: said.index(stop)]
    assert cut["finish_reason"] == "stop"
    warm = {json.load(ask(url, temperature=1.5))["choices"][0]["message"]["content"] for _ in range(4)}
    assert len(warm) > 1


def test_requests_at_once_are_answered_and_the_queue_has_an_end(serving: Any) -> None:
    _, url = serving
    found: list[Any] = []

    def one() -> None:
        try:
            found.append(json.load(ask(url, max_tokens=400, ignore_eos=True))["usage"]["completion_tokens"])
        except urllib.error.HTTPError as error:
            found.append((error.code, json.load(error)["error"]["code"], error.headers["Retry-After"]))

    threads = [threading.Thread(target=one) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(400) >= 4 + WAITING
    assert set(found) == {400, (429, "queue_full", "1")}
    assert text(url)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"max_tokens": 5000}, 400, "more than the context of 1024"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, 400, "messages"),
        ({"temperature": -1}, 400, "temperature"),
        ({"logprobs": True}, 400, "logprobs: this server does not have that"),
        ({"n": 2}, 400, "one answer a request"),
        ({"seed": 0}, 400, "seed: this server does not have that"),
        ({"min_p": 0.1}, 400, "min_p: this server does not have that"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}]},
            400,
            "a call needs `name` and `arguments`",
        ),
        ({"model": "gpt-4"}, 404, "no model 'gpt-4' here; it is 'model'"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_the_name_of_its_field(
    serving: Any, change: dict[str, Any], status: int, said: str
) -> None:
    _, url = serving
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(url, **change)
    assert caught.value.code == status
    assert said in json.load(caught.value)["error"]["message"]


def post(path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=30))


def test_a_prompt_comes_back_with_what_each_token_was_worth(serving: Any) -> None:
    _, url = serving
    asked = {"prompt": "Good morning, my friend", "echo": True, "temperature": 0}
    reply = post(f"{url}/completions", {**asked, "max_tokens": 1, "logprobs": 3})
    choice, told = reply["choices"][0], reply["choices"][0]["logprobs"]
    count = reply["usage"]["prompt_tokens"]
    assert {name: len(value) for name, value in told.items()} == dict.fromkeys(told, count + 1)
    assert "".join(told["tokens"]) == choice["text"]
    assert choice["text"].startswith(asked["prompt"])
    assert [choice["text"][at:][: len(word)] for at, word in zip(told["text_offset"], told["tokens"], strict=True)] == (
        told["tokens"]
    )
    assert told["token_logprobs"][0] is told["top_logprobs"][0] is None
    # the token that was made is the likeliest, and the very one that a plain completion makes
    best = told["top_logprobs"][-1]
    assert max(best, key=best.__getitem__) == told["tokens"][-1]
    assert best[told["tokens"][-1]] == told["token_logprobs"][-1]
    plain = post(f"{url}/completions", {"prompt": asked["prompt"], "max_tokens": 1, "temperature": 0})
    assert plain["choices"][0]["text"] == told["tokens"][-1]
    alone = post(f"{url}/completions", {**asked, "max_tokens": 0, "logprobs": 0})["choices"][0]
    assert (alone["text"], alone["logprobs"]["top_logprobs"]) == (asked["prompt"], None)
    assert alone["logprobs"]["token_logprobs"] == told["token_logprobs"][:-1]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"max_tokens": 1, "temperature": 0}, "echo: this server has it with logprobs"),
        ({"max_tokens": 1, "temperature": 0, "logprobs": 99}, "echo: this server has it with logprobs"),
        ({"max_tokens": 1, "temperature": 1, "logprobs": 1}, "or 1 at temperature 0"),
        ({"max_tokens": 4, "temperature": 0, "logprobs": 1}, "with max_tokens 0, or 1"),
        ({"max_tokens": 0, "stream": True, "logprobs": 1}, "no stream"),
        ({"max_tokens": 0, "logprobs": 1, "seed": 1}, "seed: this server does not have that"),
        ({"max_tokens": 0, "echo": False}, "max_tokens: 0 is for echo alone"),
        ({"max_tokens": 1, "echo": False, "logprobs": 1}, "logprobs: this server does not have that"),
        ({"max_tokens": 0, "logprobs": 1, "prompt": "word " * 3000}, "more than the context of 1024"),
    ],
)
def test_prompts_are_scored_alone(serving: Any, more: dict[str, Any], said: str) -> None:
    _, url = serving
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(f"{url}/completions", {"prompt": "Good morning", "echo": True, **more})
    assert caught.value.code == 400
    assert said in json.load(caught.value)["error"]["message"]


def test_plain_completions_tokens_and_counters_are_there(serving: Any) -> None:
    _, url = serving
    root = url.removesuffix("/v1")
    messages = [{"role": "user", "content": "Good morning"}]
    ids = post(f"{root}/tokenize", {"messages": messages})["tokens"]
    by_ids = post(f"{url}/completions", {"prompt": ids, "max_tokens": 24, "temperature": 0})
    assert by_ids["choices"][0]["text"] == text(url)
    assert by_ids["usage"]["prompt_tokens"] == len(ids)
    page = urllib.request.urlopen(f"{root}/metrics", timeout=10).read().decode()
    assert "ftctl_generation_tokens_total" in page
    assert 'ftctl_requests_total{finish="stop"}' in page


def test_values_beyond_the_models_own_hurt_nobody(serving: Any) -> None:
    _, url = serving
    whole = text(url)
    for more in ({"top_k": 10**6, "temperature": 1}, {"top_k": 2**31, "temperature": 1}, {"n": None, "stream": None}):
        assert json.load(ask(url, **more))["choices"]
    assert text(url) == whole


@pytest.mark.parametrize("stream", [True, False])
def test_whoever_hangs_up_makes_room(serving: Any, stream: bool) -> None:
    """More than may wait, one after the other; were they all still there, the next would be refused."""
    _, url = serving
    host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
    body = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1000, "ignore_eos": True, "stream": stream}
    for _ in range(3 * (4 + WAITING)):
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        if stream:
            connection.getresponse().readline()
        else:
            threading.Event().wait(0.05)
        connection.close()
        gone = urllib.request.urlopen(f"{url.removesuffix('/v1')}/metrics", timeout=30).read().decode()
    assert 'ftctl_requests_total{finish="cancelled"}' in gone
    assert text(url)


def test_a_server_that_dies_is_started_again_once_and_then_told_of(serving: Any, workspace: Path) -> None:
    process, url = serving

    def kill() -> None:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if b"ftctl_adapters.serving.onnx" in line and str(workspace).encode() in line and b"guard" not in line:
                    os.kill(int(entry.name), signal.SIGKILL)

    kill()
    for _ in range(300):
        try:
            assert text(url)
            break
        except OSError:
            threading.Event().wait(0.1)
    else:
        pytest.fail("the server was not started again")
    kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 6
    assert "[server-died]" in err
    assert left(workspace) == []
