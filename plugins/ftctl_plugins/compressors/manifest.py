"""The compressors that come with ftctl, and the bridges that the planner may insert."""

from ftctl.domain.format import BNB_INT8, BNB_NF4, COMPRESSED_TENSORS, HF, ONNX, PEFT_ADAPTER, PEFT_IA3
from ftctl.plugin import BRIDGE, Need, Offer, hookimpl

TORCH = Need("torch", "ftctl[hf]")
TRANSFORMERS = Need("transformers", "ftctl[hf]")


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        Offer(
            port="compressor",
            name="int8",
            summary="8-bit weights (LLM.int8, by bitsandbytes)",
            factory="ftctl_plugins.compressors.int8:Int8Compressor",
            options="ftctl_plugins.compressors.int8:Int8Options",
            accepts=(HF,),
            produces=(BNB_INT8,),
            needs=(TORCH, TRANSFORMERS, Need("bitsandbytes", "ftctl[bnb]")),
        ),
        Offer(
            port="compressor",
            name="nf4",
            summary="4-bit weights that need no calibration (NF4, by bitsandbytes)",
            factory="ftctl_plugins.compressors.nf4:Nf4Compressor",
            options="ftctl_plugins.compressors.nf4:Nf4Options",
            accepts=(HF,),
            produces=(BNB_NF4,),
            needs=(TORCH, TRANSFORMERS, Need("bitsandbytes", "ftctl[bnb]")),
        ),
        Offer(
            port="compressor",
            name="prune",
            summary="Zeros in the place of the weights that matter least (Wanda, magnitude; 2:4)",
            factory="ftctl_plugins.compressors.prune:PruneCompressor",
            options="ftctl_plugins.compressors.prune:PruneOptions",
            accepts=(HF,),
            produces=(HF,),
            needs=(TORCH, TRANSFORMERS),
        ),
        Offer(
            port="compressor",
            name="low-rank",
            summary="Linear layers of lower rank (truncated SVD, weighed by activations), stored whole",
            factory="ftctl_plugins.compressors.low_rank:LowRankCompressor",
            options="ftctl_plugins.compressors.low_rank:LowRankOptions",
            accepts=(HF,),
            produces=(HF,),
            needs=(TORCH, TRANSFORMERS),
        ),
        _oneshot(
            "gptq", "Gptq", "4- or 8-bit weights that answer like the model on calibration data (by llm-compressor)"
        ),
        _oneshot("w8a8", "W8a8", "8-bit weights and activations, for servers with 8-bit products (by llm-compressor)"),
        Offer(
            port="compressor",
            name="onnx",
            summary="A graph for ONNX Runtime, in 32, 16, 8 or 4 bits (by onnxruntime-genai)",
            factory="ftctl_plugins.compressors.onnx:OnnxCompressor",
            options="ftctl_plugins.compressors.onnx:OnnxOptions",
            accepts=(HF,),
            produces=(ONNX,),
            needs=(Need("onnxruntime_genai", "onnx"), Need("onnx_ir", "onnx"), Need("torch", "onnx")),
            environment="onnx",
            recipe="ftctl_plugins.environments:onnx.toml",
        ),
        Offer(
            port="compressor",
            name="add-tokens",
            summary="The same model with further tokens; inserted where the run file has add_tokens",
            factory="ftctl_plugins.compressors.add_tokens:AddTokensCompressor",
            options="ftctl_plugins.compressors.add_tokens:AddTokensOptions",
            accepts=(HF,),
            produces=(HF,),
            needs=(TORCH, TRANSFORMERS),
        ),
        Offer(
            port="compressor",
            name="merge",
            summary="An adapter and its base become one whole model; inserted where it is needed",
            factory="ftctl_plugins.compressors.merge:MergeCompressor",
            options="ftctl_plugins.compressors.merge:MergeOptions",
            accepts=(PEFT_ADAPTER, PEFT_IA3),
            produces=(HF,),
            capabilities=(BRIDGE,),
            needs=(TORCH, TRANSFORMERS, Need("peft", "ftctl[hf]")),
        ),
    ]


def _oneshot(name: str, kind: str, summary: str) -> Offer:
    """A compressor over llm-compressor, which has an environment of its own."""
    module = f"ftctl_plugins.compressors.{name}"
    return Offer(
        port="compressor",
        name=name,
        summary=summary,
        factory=f"{module}:{kind}Compressor",
        options=f"{module}:{kind}Options",
        accepts=(HF,),
        produces=(COMPRESSED_TENSORS,),
        needs=(Need("llmcompressor", "llmcompressor"),),
        environment="llmcompressor",
        recipe="ftctl_plugins.environments:llmcompressor.toml",
    )
