"""What cannot run is refused when it is planned, all of it at once: formats, hardware, then environments."""

from pathlib import Path

import pytest

from tests.conftest import Ftctl

ABSENT = "needs the environment"


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ("--tuner", "prompt", "--server", "vllm"),
            ("server: vllm takes hf, compressed-tensors, gptq, but the stage before it produces peft-prompt", ABSENT),
        ),
        (
            ("--compressor", "int8", "--server", "vllm"),
            ("server: vllm takes hf, compressed-tensors, gptq, but the stage before it produces bnb-int8", ABSENT),
        ),
        (
            ("--compressor", "gptq", "--server", "transformers"),
            ("produces compressed-tensors; vllm would", "compressor.use: needs the environment 'llmcompressor'"),
        ),
        (
            ("--tuner", "prefix", "--compressor", "gptq", "--server", "tensorrt-llm"),
            ("compressor: gptq takes hf", "server: tensorrt-llm takes hf", f"{ABSENT} 'llmcompressor'"),
        ),
        (
            ("--compressor", "auto-gptq", "--server", "none"),
            ("auto-gptq: it needs an NVIDIA GPU", "which cannot be built here: its recipe has no cpu variant"),
        ),
        (
            ("--server", "tensorrt-llm"),
            ("tensorrt-llm: it needs an NVIDIA GPU", "which cannot be built here: its recipe has no cpu variant"),
        ),
        (
            ("--set", "tuner.use_dora=true", "--server", "vllm", "--set", "server.enable_lora=true"),
            ("vllm: cannot serve the adapter beside its base: use_dora; say server.enable_lora: false", ABSENT),
        ),
        (
            ("--set", "tuner.modules_to_save=[lm_head]", "--server", "vllm", "--set", "server.enable_lora=true"),
            ("vllm: cannot serve the adapter beside its base: modules_to_save", ABSENT),
        ),
        (
            ("--tuner", "prefix", "--server", "transformers"),
            ("server: transformers takes hf, bnb-int8, bnb-nf4, but the stage before it produces peft-prompt",),
        ),
    ],
)
def test_everything_that_cannot_be_is_told_at_once(
    ftctl: Ftctl, tmp_path: Path, arguments: tuple[str, ...], lines: tuple[str, ...]
) -> None:
    empty = {"FTCTL_ENVIRONMENTS": str(tmp_path / "none")}
    for way in (("--dry-run",), ("--create-envs",)):
        refused = ftctl("run", *arguments, *way, env=empty)
        told = refused.stderr.splitlines()
        wanted = [line for line in lines if way == ("--dry-run",) or ABSENT not in line]
        places = [next((place for place, line in enumerate(told) if text in line), None) for text in wanted]
        assert refused.returncode == 2, refused.stderr
        assert None not in places, refused.stderr
        assert places == sorted(places), "formats first, then hardware, environments last"
        assert "int8" not in refused.stderr or "int8" in arguments or "bnb-int8, " in refused.stderr
    assert not (tmp_path / "none").exists(), "nothing was built"
    assert not (tmp_path / ".ftctl" / "artifacts").exists(), "and nothing measured"


def test_validating_a_run_file_tells_of_formats_and_environments(ftctl: Ftctl, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("{model: builtin:tiny, compressor: int8, server: vllm}")
    refused = ftctl("config", "validate", "run.yaml", env={"FTCTL_ENVIRONMENTS": str(tmp_path / "none")})
    assert refused.returncode == 2
    assert "produces bnb-int8" in refused.stderr
    assert ABSENT in refused.stderr
