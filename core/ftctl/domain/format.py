"""Storage formats of model artifacts, and which of them are lossless."""

HF = "hf"
PEFT_ADAPTER = "peft-adapter"
"""LoRA and its kin: an update of weights, which servers may add beside the base."""

PEFT_IA3 = "peft-ia3"
"""Scales of activations: they can be merged, and servers do not add them."""

BNB_INT8 = "bnb-int8"
BNB_NF4 = "bnb-nf4"
COMPRESSED_TENSORS = "compressed-tensors"
"""Quantised weights as llm-compressor writes them and vLLM and transformers read them."""

GPTQ = "gptq"
"""Packed weights as GPTQModel and auto-gptq write them and vLLM reads them."""

ONNX = "onnx-genai"
"""A graph with its weights as onnxruntime-genai writes and reads it, beside the model's own tokenizer."""

PEFT_PROMPT = "peft-prompt"
"""Virtual tokens or keys learnt by PEFT: they cannot be merged into weights."""

BOTTLENECK = "bottleneck-adapter"
"""Small networks between the layers; only this project loads them."""

ENDPOINT = "endpoint"
"""No files, but a server: its facts are a ``url`` and the name of the ``model`` there."""

ADAPTERS = frozenset({PEFT_ADAPTER, PEFT_IA3, PEFT_PROMPT, BOTTLENECK})
"""Formats that are only whole together with their base model."""

MERGEABLE = frozenset({PEFT_ADAPTER, PEFT_IA3})

LOSSLESS = frozenset({HF, *ADAPTERS})
"""Formats whose greedy answers equal those of the tuned model, unless its weights were changed on purpose."""
