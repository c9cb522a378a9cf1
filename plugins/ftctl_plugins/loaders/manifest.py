"""The target loaders that come with ftctl."""

from ftctl.domain.format import (
    BNB_INT8,
    BNB_NF4,
    BOTTLENECK,
    COMPRESSED_TENSORS,
    ENDPOINT,
    GPTQ,
    HF,
    ONNX,
    PEFT_ADAPTER,
    PEFT_IA3,
    PEFT_PROMPT,
)
from ftctl.plugin import INSIDE, Need, Offer, hookimpl

TORCH, TRANSFORMERS = Need("torch", "ftctl[hf]"), Need("transformers", "ftctl[hf]")


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        Offer(
            port="target_loader",
            name="transformers",
            summary="Models and adapters, in transformers and PEFT",
            factory="ftctl_plugins.loaders.transformers:TransformersLoader",
            options="ftctl_plugins.loaders.transformers:TransformersLoaderOptions",
            accepts=(HF, PEFT_ADAPTER, PEFT_IA3, PEFT_PROMPT, BOTTLENECK),
            capabilities=(INSIDE,),
            needs=(TORCH, TRANSFORMERS),
        ),
        Offer(
            port="target_loader",
            name="bitsandbytes",
            summary="bitsandbytes checkpoints, in transformers",
            factory="ftctl_plugins.loaders.transformers:TransformersLoader",
            options="ftctl_plugins.loaders.transformers:TransformersLoaderOptions",
            accepts=(BNB_INT8, BNB_NF4),
            needs=(TORCH, TRANSFORMERS),
        ),
        Offer(
            port="target_loader",
            name="compressed-tensors",
            summary="llm-compressor checkpoints, dequantised, in transformers",
            factory="ftctl_plugins.loaders.transformers:TransformersLoader",
            options="ftctl_plugins.loaders.transformers:TransformersLoaderOptions",
            accepts=(COMPRESSED_TENSORS,),
            needs=(TORCH, TRANSFORMERS, Need("compressed_tensors", "ftctl[compressed]")),
        ),
        Offer(
            port="target_loader",
            name="gptqmodel",
            summary="GPTQ checkpoints, in GPTQModel",
            factory="ftctl_plugins.loaders.gptqmodel:GptqmodelLoader",
            options="ftctl_plugins.loaders.gptqmodel:GptqmodelLoaderOptions",
            accepts=(GPTQ,),
            needs=(Need("gptqmodel", "gptq"),),
            environment="gptq",
            recipe="ftctl_plugins.environments:gptq.toml",
        ),
        Offer(
            port="target_loader",
            name="openai",
            summary="Model behind an OpenAI-compatible endpoint",
            factory="ftctl_plugins.loaders.openai:OpenaiLoader",
            options="ftctl_plugins.loaders.openai:OpenaiLoaderOptions",
            accepts=(ENDPOINT,),
        ),
        Offer(
            port="target_loader",
            name="onnx",
            summary="ONNX exports, in onnxruntime-genai",
            factory="ftctl_plugins.loaders.onnx:OnnxLoader",
            options="ftctl_plugins.loaders.onnx:OnnxLoaderOptions",
            accepts=(ONNX,),
            needs=(TRANSFORMERS, Need("onnxruntime_genai", "ftctl[onnx]")),
        ),
    ]
