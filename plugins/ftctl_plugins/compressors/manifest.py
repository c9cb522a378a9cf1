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
        _offer("int8", "Int8", "8-bit weights (LLM.int8, bitsandbytes)", produces=(BNB_INT8,), needs=BNB),
        _offer("nf4", "Nf4", "4-bit weights, no calibration (NF4, bitsandbytes)", produces=(BNB_NF4,), needs=BNB),
        _offer(
            "gptq",
            "Gptq",
            "4- or 8-bit weights, GPTQ with calibration data (llm-compressor)",
            **ONESHOT,
        ),
        _offer(
            "gptqmodel",
            "Gptqmodel",
            "4- or 8-bit weights, GPTQ in the GPTQ format (GPTQModel)",
            produces=(GPTQ,),
            needs=(Need("gptqmodel", "gptq"),),
            environment="gptq",
            recipe="ftctl_plugins.environments:gptq.toml",
        ),
        _offer(
            "auto-gptq",
            "AutoGptq",
            "4-bit weights, GPTQ by the archived auto-gptq; CUDA only, not run",
            produces=(GPTQ,),
            needs=(Need("auto_gptq", "auto-gptq"),),
            environment="auto-gptq",
            recipe="ftctl_plugins.environments:auto-gptq.toml",
        ),
        _offer("awq", "Awq", "4-bit weights, AWQ (llm-compressor); for GPUs, not run", **ONESHOT),
        _offer(
            "w8a8",
            "W8a8",
            "8-bit weights and activations (llm-compressor)",
            **ONESHOT,
        ),
        _offer(
            "onnx",
            "Onnx",
            "ONNX export in 32, 16, 8 or 4 bits (onnxruntime-genai)",
            produces=(ONNX,),
            needs=(Need("onnxruntime_genai", "onnx"), Need("onnx_ir", "onnx"), Need("torch", "onnx")),
            environment="onnx",
            recipe="ftctl_plugins.environments:onnx.toml",
        ),
        _offer("prune", "Prune", "Pruning: Wanda or magnitude, unstructured or 2:4"),
        _offer("low-rank", "LowRank", "Low-rank linear layers (activation-weighted SVD), stored dense"),
        _offer("add-tokens", "AddTokens", "Add tokens to the vocabulary; inserted for `add_tokens`"),
        _offer(
            "merge",
            "Merge",
            "Merge an adapter into its base; inserted where it is needed",
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
