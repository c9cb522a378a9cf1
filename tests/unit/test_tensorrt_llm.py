"""TensorRT-LLM cannot run without an NVIDIA GPU: its command line is held against a stand-in that knows its options."""

import sys
from pathlib import Path

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.errors import ServerDied
from ftctl_adapters.environments import nvidia
from ftctl_adapters.process.server_runner import LocalServerRunner
from ftctl_plugins.servers.tensorrt_llm import TensorrtLlmServer, TensorrtLlmServerOptions

STANDIN = """#!{python}
import argparse, http.server, os

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("model")
parser.add_argument("--host")
parser.add_argument("--backend", choices=["pytorch", "tensorrt", "_autodeploy"])
parser.add_argument("--served_model_name")
for name in ("port", "tp_size", "max_batch_size", "max_seq_len"):
    parser.add_argument("--" + name, type=int)
given = parser.parse_args()
assert os.path.isdir(given.model), given.model

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

http.server.HTTPServer((given.host, given.port), Handler).serve_forever()
"""


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An environment's interpreter with the stand-in beside it."""
    program = tmp_path / "bin" / "trtllm-serve"
    program.parent.mkdir()
    program.write_text(STANDIN.format(python=sys.executable))
    program.chmod(0o755)
    return str(program.with_name("python"))


def shape(heads: int = 6) -> ModelShape:
    return ModelShape("x", 1, 1, 1, 1, 1, 1, "float32", heads=heads)


def test_its_program_understands_every_argument_and_becomes_ready(tmp_path: Path, python: str) -> None:
    runner = LocalServerRunner()
    address = runner.address(0)
    model = Artifact("model", HF, "d" * 64, str(tmp_path))
    every = TensorrtLlmServerOptions(tp_size=2, max_batch_size=8, max_seq_len=512, start_timeout=20)
    for options in (every, TensorrtLlmServerOptions(start_timeout=20)):
        spec = TensorrtLlmServer(options).launch(model, address, python)
        assert spec.served_name == "model"
        running = runner.start(spec, address, tmp_path / "server.log")
        running.check()
        running.stop()


def test_a_folder_that_is_not_there_ends_the_program_and_its_words_are_shown(tmp_path: Path, python: str) -> None:
    runner = LocalServerRunner()
    address = runner.address(0)
    gone = Artifact("model", HF, "d" * 64, str(tmp_path / "gone"))
    spec = TensorrtLlmServer(TensorrtLlmServerOptions(start_timeout=20)).launch(gone, address, python)
    with pytest.raises(ServerDied) as caught:
        runner.start(spec, address, tmp_path / "server.log")
    assert any("AssertionError" in line for line in caught.value.details)


def test_without_a_gpu_it_says_why_when_the_run_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "DRIVER", tmp_path / "no-driver")
    reasons = TensorrtLlmServer(TensorrtLlmServerOptions()).supports(shape()).reasons
    assert "needs an NVIDIA GPU" in reasons[0]
    monkeypatch.setattr(nvidia, "DRIVER", tmp_path)
    assert TensorrtLlmServer(TensorrtLlmServerOptions(tp_size=3)).supports(shape()).reasons == ()
    assert "6 attention heads" in TensorrtLlmServer(TensorrtLlmServerOptions(tp_size=4)).supports(shape()).reasons[0]
