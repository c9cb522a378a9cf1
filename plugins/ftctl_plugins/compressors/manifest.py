"""The compressors that come with ftctl, and the bridges that the planner may insert."""

from typing import Any

from ftctl.domain.format import BNB_INT8, BNB_NF4, COMPRESSED_TENSORS, GPTQ, HF, ONNX, PEFT_ADAPTER, PEFT_IA3
from ftctl.plugin import BRIDGE, Need, Offer, hookimpl

PLAIN = (Need("torch", "ftctl[hf]"), Need("transformers", "ftctl[hf]"))
BNB = (*PLAIN, Need("bitsandbytes", "ftctl[bnb]"))
ONESHOT: dict[str, Any] = {
    "produces": (COMPRESSED_TENSORS,),
    "needs": (Need("llmcompressor", "llmcompressor"),),
    "environment": "llmcompressor",
    "recipe": "ftctl_plugins.environments:llmcompressor.toml",
}
"""What all over llm-compressor have in common."""


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        _offer("int8", "Int8", "8-bit weights (LLM.int8, by bitsandbytes)", produces=(BNB_INT8,), needs=BNB),
        _offer("nf4", "Nf4", "4-bit weights, no calibration (NF4, by bitsandbytes)", produces=(BNB_NF4,), needs=BNB),
        _offer(
            "gptq",
            "Gptq",
            "4- or 8-bit weights that answer like the model on calibration data (by llm-compressor)",
            **ONESHOT,
        ),
        _offer(
            "gptqmodel",
            "Gptqmodel",
            "4- or 8-bit weights as `gptq` makes them, in the GPTQ format (by GPTQModel)",
            produces=(GPTQ,),
            needs=(Need("gptqmodel", "gptq"),),
            environment="gptq",
            recipe="ftctl_plugins.environments:gptq.toml",
        ),
        _offer(
            "auto-gptq",
            "AutoGptq",
            "4-bit weights by auto-gptq, which is archived; on CUDA devices alone, not run",
            produces=(GPTQ,),
            needs=(Need("auto_gptq", "auto-gptq"),),
            environment="auto-gptq",
            recipe="ftctl_plugins.environments:auto-gptq.toml",
        ),
        _offer("awq", "Awq", "4-bit weights, important columns spared (llm-compressor); for GPUs, not run", **ONESHOT),
        _offer(
            "w8a8",
            "W8a8",
            "8-bit weights and activations, for servers with 8-bit products (by llm-compressor)",
            **ONESHOT,
        ),
        _offer(
            "onnx",
            "Onnx",
            "A graph for ONNX Runtime, in 32, 16, 8 or 4 bits (by onnxruntime-genai)",
            produces=(ONNX,),
            needs=(Need("onnxruntime_genai", "onnx"), Need("onnx_ir", "onnx"), Need("torch", "onnx")),
            environment="onnx",
            recipe="ftctl_plugins.environments:onnx.toml",
        ),
        _offer("prune", "Prune", "Zeros in the place of the weights that matter least (Wanda, magnitude; 2:4)"),
        _offer("low-rank", "LowRank", "Linear layers of lower rank (SVD, weighed by activations), stored whole"),
        _offer("add-tokens", "AddTokens", "The same model with further tokens; inserted for add_tokens of a run file"),
        _offer(
            "merge",
            "Merge",
            "An adapter and its base become one whole model; inserted where it is needed",
            accepts=(PEFT_ADAPTER, PEFT_IA3),
            capabilities=(BRIDGE,),
            needs=(*PLAIN, Need("peft", "ftctl[hf]")),
        ),
    ]


def _offer(name: str, kind: str, summary: str, **more: Any) -> Offer:
    """A compressor from whole model to whole model, unless more is said."""
    module = f"ftctl_plugins.compressors.{name.replace('-', '_')}"
    usual: dict[str, Any] = {"accepts": (HF,), "produces": (HF,), "needs": PLAIN}
    return Offer(
        port="compressor",
        name=name,
        summary=summary,
        factory=f"{module}:{kind}Compressor",
        options=f"{module}:{kind}Options",
        **(usual | more),
    )
