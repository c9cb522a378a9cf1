"""Merges an adapter into its base."""

from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact
from ftctl.errors import ModelUnsafe
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.save import save_model


def merge_adapter(adapter: Artifact, out: Path) -> None:
    """Writes the merged model.

    Raises:
        ModelMismatch: the adapter does not fit its base.
        ModelUnsafe: a merged weight is not finite.
    """
    save_model(merged(adapter), out)


def merged(adapter: Artifact) -> Any:
    """Base and adapter as one model: summed in float32, in the dtype that the base is stored in.

    Raises:
        ModelMismatch: the adapter does not fit its base.
        ModelUnsafe: a merged weight is not finite.
    """
    whole: Any = load_whole(adapter, bf16=False)
    try:
        one = whole.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise ModelUnsafe(f"{adapter.id} cannot be merged: {error}", next_step="train it again") from error
    return one.to(_stored_dtype(adapter)).eval()


def _stored_dtype(adapter: Artifact) -> Any:
    import torch
    from transformers import AutoConfig

    assert adapter.base is not None
    config = AutoConfig.from_pretrained(adapter.base.path, local_files_only=True, trust_remote_code=False)
    return config.dtype or torch.float32
