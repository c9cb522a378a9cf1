"""Merge an adapter into its base."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example
from ftctl.errors import ModelUnsafe, NoUsableRows
from ftctl_adapters.modeling.calibration import token_rows
from ftctl_adapters.modeling.golden import GENERAL
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.merge_check import PROMPTS, MergeCheck, compared, logits_at_ends
from ftctl_adapters.modeling.save import save_model
from ftctl_adapters.modeling.tokenizer import ChatTokenizer

LONGEST = 1024
"""Tokens of a prompt that the check reads."""


def merge_adapter(adapter: Artifact, out: Path, examples: Sequence[Example] = ()) -> MergeCheck:
    """Write the merged model, after comparing its logits with those of base and adapter.

    Args:
        adapter: with its base.
        out: where the model is written.
        examples: what the logits are compared on; few general questions where there are none.

    Raises:
        ModelMismatch: the adapter does not fit its base.
        ModelUnsafe: a merged weight is not finite, or embedding and head are one tensor and would no longer be.
        GateRefused: the merged model chooses other tokens.
    """
    import torch

    tokenizer, dtype = ChatTokenizer.of(adapter), _stored_dtype(adapter)
    rows = _rows(examples[:PROMPTS], tokenizer)
    whole: Any = load_whole(adapter, bf16=False)
    before = logits_at_ends(whole, rows)
    # what is stored is compared, in the arithmetic of before
    one = _cast(_cast(_merged(adapter, whole), dtype), torch.float32)
    check = compared(before, logits_at_ends(one, rows), len(rows), dtype)
    check.refuse(adapter.id)
    save_model(_cast(one, dtype), out)
    return check


def merged(adapter: Artifact) -> Any:
    """Return base and adapter as one model: summed in float32, stored in the base's dtype.

    Raises:
        ModelMismatch: the adapter does not fit its base.
        ModelUnsafe: as `merge_adapter`.
    """
    return _cast(_merged(adapter, load_whole(adapter, bf16=False)), _stored_dtype(adapter)).eval()


def _merged(adapter: Artifact, whole: Any) -> Any:
    """Merge the adapter and check tied weights; tensors of ``modules_to_save`` become separate."""
    core = whole.get_base_model()
    ends = (core.get_input_embeddings(), core.get_output_embeddings())
    if getattr(core.config, "tie_word_embeddings", False) and any(hasattr(part, "lora_A") for part in ends):
        raise _torn(adapter)
    try:
        one = whole.merge_and_unload(safe_merge=True).eval()
    except ValueError as error:
        raise ModelUnsafe(f"{adapter.id} cannot be merged: {error}", next_step="train it again") from error
    first, last = one.get_input_embeddings().weight, one.get_output_embeddings().weight
    same = first.data_ptr() == last.data_ptr() or bool((first == last).all())
    if getattr(one.config, "tie_word_embeddings", False) and not same:
        raise _torn(adapter)
    return one


def _torn(adapter: Artifact) -> ModelUnsafe:
    text = f"{adapter.id} cannot be merged: it updates the embedding or the head, which are one tensor in its base"
    return ModelUnsafe(text, next_step="serve it beside its base, or train without them in target_modules")


def _cast(model: Any, dtype: Any) -> Any:
    """Cast the weights to this dtype; rotary frequencies are not weights and keep their precision."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    return model


def _rows(examples: Sequence[Example], tokenizer: ChatTokenizer) -> list[list[int]]:
    try:
        return token_rows(examples, tokenizer, LONGEST)
    except NoUsableRows:
        if tokenizer.raw.chat_template is None:
            return [tokenizer.encode(messages[-1].content) for messages in GENERAL]
        return [tokenizer.encode(tokenizer.render(messages[-1:], ask=True)) for messages in GENERAL]


def _stored_dtype(adapter: Artifact) -> Any:
    import torch
    from transformers import AutoConfig

    assert adapter.base is not None
    config = AutoConfig.from_pretrained(adapter.base.path, local_files_only=True, trust_remote_code=False)
    return config.dtype or torch.float32
