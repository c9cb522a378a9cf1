"""Load model artifacts with transformers and PEFT: local files, safetensors, no remote code."""

from typing import Any

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import ADAPTERS, BOTTLENECK, COMPRESSED_TENSORS
from ftctl.errors import ModelMismatch
from ftctl_adapters.modeling.bottleneck import load_bottleneck


def load_base(folder: str, bf16: bool | None, *, fp16: bool = False) -> Any:
    """Load a causal language model in eval mode.

    ``bf16`` True in bfloat16, False in float32, None as it is stored; ``fp16`` in float16, whatever ``bf16`` says.
    """
    import torch
    from transformers import AutoModelForCausalLM

    import ftctl_adapters.modeling.eager_bitsandbytes  # noqa: F401 before transformers or PEFT import it

    dtype: Any = "auto" if bf16 is None else torch.bfloat16 if bf16 else torch.float32
    dtype = torch.float16 if fp16 else dtype
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True
    )


def load_whole(model: Artifact, bf16: bool | None = None) -> Any:
    """Load the model of an artifact; an adapter is put on its base.

    Raises:
        ModelMismatch: the adapter is alone, or its tensors do not fit the base.
    """
    if model.format == COMPRESSED_TENSORS:
        return _dequantized(model.path).eval()
    if model.format not in ADAPTERS:
        return load_base(model.path, bf16).eval()
    if model.base is None:
        raise ModelMismatch(f"{model.id} is an adapter without its base model")
    if model.format == BOTTLENECK:
        return load_bottleneck(load_base(model.base.path, bf16), model.path).eval()
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(load_base(model.base.path, bf16), model.path, local_files_only=True).eval()
    except (RuntimeError, ValueError, KeyError) as error:
        raise ModelMismatch(f"{model.id} does not fit its base {model.base.id}: {error}") from error


def _dequantized(folder: str) -> Any:
    """Return a quantised model with dense weights of the same values, whose parts can be called."""
    from transformers import AutoModelForCausalLM, CompressedTensorsConfig

    return AutoModelForCausalLM.from_pretrained(
        folder,
        dtype="auto",
        quantization_config=CompressedTensorsConfig(dequantize=True),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
    )
