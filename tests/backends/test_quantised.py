"""Quantised weights, made in one private environment and served by vLLM from another."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backends.asking import left
from tests.conftest import Ftctl
from tests.functional.small import small_run

pytestmark = [pytest.mark.heavy, pytest.mark.backends]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, environment: Callable[[str], None]) -> Path:
    """A folder whose run file trains an adapter in seconds."""
    environment("vllm")
    folder = tmp_path_factory.mktemp("quantised")
    small_run(folder)
    return folder


@pytest.mark.nightly
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
