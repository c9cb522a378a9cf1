"""``onnx``: the whole model as a graph for ONNX Runtime, by the builder of onnxruntime-genai."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import ONNX
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports import Compressor, StageContext
from ftctl.ports.compressor import CompressorError

ARCHITECTURES = frozenset(
    f"{family}ForCausalLM"
    for family in (
        *("Ernie4_5", "Gemma", "Gemma2", "Gemma3", "GptOss", "Granite", "GraniteMoeHybrid", "HunYuanDenseV1"),
        *("InternLM2", "Lfm2", "Lfm2Moe", "Llama", "Mistral", "Nemotron", "Olmo", "Phi", "Phi3", "Phi3Small"),
        *("PhiMoE", "Qwen2", "Qwen3", "SmolLM3"),
    )
)
"""The causal language models that the builder of onnxruntime-genai 0.18 knows."""

LOG_LINES = 12


@options
class OnnxOptions:
    """Options of `OnnxCompressor`."""

    precision: str = option("fp32", help="Precision of the weights.", choices=("fp32", "fp16", "bf16", "int8", "int4"))
    execution_provider: str = option(
        "cpu", help="Execution provider to build for; only cpu was run.", choices=("cpu", "cuda", "NvTensorRtRtx")
    )
    block_size: int = option(32, help="int4, int8: weights that share a scale.", choices=(16, 32, 64, 128, 256))
    accuracy_level: int = option(
        4, help="int4, int8: what activations are rounded to: 4 is int8, 1 is fp32.", choices=(1, 2, 3, 4)
    )


class OnnxCompressor(Compressor):
    """Weights and graph in the format of onnxruntime-genai; tokenizer and template stay the model's own."""

    def __init__(self, options: OnnxOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        given, reasons = self._options, []
        if shape.architecture not in ARCHITECTURES:
            reasons.append(f"the ONNX builder does not know the architecture {shape.architecture}")
        if given.execution_provider == "cpu" and given.precision in ("fp16", "bf16"):
            reasons.append(
                f"ONNX Runtime has no {given.precision} kernels for the CPU; take precision fp32, int8 or int4"
            )
        return Verdict(tuple(reasons))

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from ftctl_adapters.modeling.compressed import compressed_draft

        given = self._options
        quantised = given.precision in ("int4", "int8")
        with tempfile.TemporaryDirectory(dir=context.work) as scratch:
            extra = [f"block_size={given.block_size}", f"accuracy_level={given.accuracy_level}"] if quantised else []
            place = ["-i", model.path, "-o", str(context.out), "-c", scratch]
            form = ["-p", given.precision, "-e", given.execution_provider, "--extra_options", "hf_token=false", *extra]
            _run([sys.executable, "-m", "onnxruntime_genai.models.builder", *place, *form])
        (context.out / "config.json").write_bytes((Path(model.path) / "config.json").read_bytes())
        return compressed_draft(model, context.out, ONNX, precision=given.precision)


def _run(command: list[str]) -> None:
    """The builder as its own process, for it can only be run as a program.

    Raises:
        CompressorError: it failed.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout, file=sys.stderr)
    if done.returncode:
        said = tuple(done.stdout.splitlines()[-LOG_LINES:])
        raise CompressorError(f"the ONNX builder ended with code {done.returncode}", details=said)
