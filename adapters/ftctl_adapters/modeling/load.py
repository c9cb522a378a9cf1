"""Load model artifacts with transformers and PEFT: local files, safetensors, no remote code."""

from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import ADAPTERS, BOTTLENECK, COMPRESSED_TENSORS
from ftctl.errors import ModelMismatch
from ftctl_adapters.modeling.bottleneck import load_bottleneck

SHOWN = 3


def load_base(folder: str, bf16: bool | None, *, fp16: bool = False) -> Any:
    """Load a causal language model in eval mode.

    ``bf16`` True in bfloat16, False in float32, None as it is stored; ``fp16`` in float16, whatever ``bf16`` says.

    Raises:
        ModelMismatch: the files lack tensors of the model, which would be random.
    """
    import torch

    import ftctl_adapters.modeling.eager_bitsandbytes  # noqa: F401 before transformers or PEFT import it

    dtype: Any = "auto" if bf16 is None else torch.bfloat16 if bf16 else torch.float32
    dtype = torch.float16 if fp16 else dtype
    return pretrained(folder, dtype=dtype)


def pretrained(folder: str, **chosen: Any) -> Any:
    """Load a causal language model by transformers, from local safetensors, without remote code.

    Args:
        folder: of the model.
        chosen: further arguments of ``from_pretrained``: dtype, quantisation, device.

    Raises:
        ModelMismatch: the files lack tensors of the model, which would be random.
    """
    from transformers import AutoModelForCausalLM

    model, told = AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
        **chosen,
    )
    _refuse_missing(folder, model, told)
    return model


def _refuse_missing(folder: str, model: Any, told: dict[str, Any]) -> None:
    """Refuse a model of which transformers made tensors up, since the files have none of that name or shape."""
    other = {name for name, *_ in told["mismatched_keys"]}
    made_up = sorted(set(told["missing_keys"]) | other)
    if made_up:
        shown = ", ".join(made_up[:SHOWN]) + (f" and {len(made_up) - SHOWN} more" if len(made_up) > SHOWN else "")
        text = f"{Path(folder).name}: the weights lack {shown} of {type(model).__name__}, which would be random"
        step = "get all of its files; if they are, this is a model of another kind, without a head for next tokens"
        raise ModelMismatch(text, next_step=step)


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
    from transformers import CompressedTensorsConfig

    return pretrained(folder, dtype="auto", quantization_config=CompressedTensorsConfig(dequantize=True))
