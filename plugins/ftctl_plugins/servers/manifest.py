"""The servers that come with ftctl."""

from ftctl.domain.format import BNB_INT8, BNB_NF4, COMPRESSED_TENSORS, GPTQ, HF, ONNX, PEFT_ADAPTER
from ftctl.plugin import GUARDED, SCORES, Need, Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        Offer(
            port="server",
            name="transformers",
            summary="`transformers serve`: OpenAI-compatible, for trying out a model",
            factory="ftctl_plugins.servers.transformers:TransformersServer",
            options="ftctl_plugins.servers.transformers:TransformersServerOptions",
            accepts=(HF, BNB_INT8, BNB_NF4),
            capabilities=(GUARDED,),
            needs=(
                Need("torch", "ftctl[hf]"),
                Need("transformers", "ftctl[hf]"),
                Need("fastapi", "ftctl[serve]"),
                Need("uvicorn", "ftctl[serve]"),
            ),
        ),
        Offer(
            port="server",
            name="vllm",
            summary="vLLM: OpenAI-compatible, continuous batching, LoRA adapters",
            factory="ftctl_plugins.servers.vllm:VllmServer",
            options="ftctl_plugins.servers.vllm:VllmServerOptions",
            accepts=(HF, COMPRESSED_TENSORS, GPTQ),
            accepts_with={"enable_lora": (PEFT_ADAPTER,)},
            capabilities=(SCORES, GUARDED),
            needs=(Need("vllm", "vllm"),),
            environment="vllm",
            recipe="ftctl_plugins.environments:vllm.toml",
        ),
        Offer(
            port="server",
            name="onnx",
            summary="ONNX Runtime: OpenAI-compatible, batched, with a bounded queue and /metrics",
            factory="ftctl_plugins.servers.onnx:OnnxServer",
            options="ftctl_plugins.servers.onnx:OnnxServerOptions",
            accepts=(ONNX,),
            capabilities=(SCORES, GUARDED),
            needs=(Need("onnxruntime_genai", "onnx"), Need("starlette", "onnx")),
            environment="onnx",
            recipe="ftctl_plugins.environments:onnx.toml",
        ),
        Offer(
            port="server",
            name="tensorrt-llm",
            summary="TensorRT-LLM: OpenAI-compatible, NVIDIA GPUs only; not run yet",
            factory="ftctl_plugins.servers.tensorrt_llm:TensorrtLlmServer",
            options="ftctl_plugins.servers.tensorrt_llm:TensorrtLlmServerOptions",
            accepts=(HF,),
            needs=(Need("tensorrt_llm", "tensorrt-llm"),),
            environment="tensorrt-llm",
            recipe="ftctl_plugins.environments:tensorrt-llm.toml",
        ),
    ]
