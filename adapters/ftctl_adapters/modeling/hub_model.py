"""The files of a model on the hub that are read, and its shapes before the weights are fetched."""

from collections.abc import Mapping
from pathlib import Path

from ftctl.errors import ModelUnsafe
from ftctl_adapters.hub.failures import failure_of
from ftctl_adapters.hub.fetch import cached_file, fetch, missing_bytes
from ftctl_adapters.hub.listing import Listing
from ftctl_adapters.modeling.safetensors_header import TensorEntry, checked_entries, read_header
from ftctl_adapters.modeling.strict_object import strict_object
from ftctl_adapters.modeling.view import INDEX, PICKLED, WHOLE, View, is_small, make_view

Headers = Mapping[str, dict[str, TensorEntry]]


def looked_at(listed: Listing) -> tuple[View, int]:
    """Return the view of a model without its weights, and the bytes that a run will fetch.

    Only small files are fetched; shapes come from the headers of the weights, by ranges.

    Raises:
        ModelUnsafe: there are pickled weights alone, or a file is malformed.
    """
    folder = fetch(listed, small_files(listed))
    weights = weight_files(listed, folder)
    return make_view(folder, {name: _header(listed, name) for name in weights}), missing_bytes(listed, weights)


def fetched(listed: Listing) -> Path:
    """Return a folder with all files of the model that are read, its weights too."""
    small = small_files(listed)
    return fetch(listed, [*small, *weight_files(listed, fetch(listed, small))])


def small_files(listed: Listing) -> list[str]:
    """Return the names of config, tokenizer and template."""
    return [name for name in listed.sizes if is_small(name)]


def weight_files(listed: Listing, folder: Path) -> list[str]:
    """Return the weights that transformers reads: one file, or those that the index names; never further copies.

    Raises:
        ModelUnsafe: there is none, or the index names a file that is not there.
    """
    if WHOLE in listed.sizes:
        return [WHOLE]
    if INDEX in listed.sizes:
        try:
            index = strict_object((folder / INDEX).read_bytes(), f"{listed.name}: {INDEX}")
            named = sorted(set(index["weight_map"].values()))
        except (KeyError, AttributeError, TypeError) as error:
            raise ModelUnsafe(f"{listed.name}: {INDEX} is malformed", next_step="take another revision") from error
        lost = [name for name in named if name not in listed.sizes]
        if lost:
            raise ModelUnsafe(f"{listed.name}: the shard {lost[0]} is missing", next_step="take another revision")
        return [str(name) for name in named]
    pickled = [name for name in listed.sizes if name.endswith(PICKLED)]
    if pickled:
        text = f"{listed.name}: has only pickled weights ({pickled[0]}), which run code when they are read"
        raise ModelUnsafe(text, next_step="take a revision or a copy of it with safetensors")
    raise ModelUnsafe(f"{listed.name}: has no *.safetensors weights", next_step="check the name")


def _header(listed: Listing, name: str) -> dict[str, TensorEntry]:
    from huggingface_hub import HfApi

    there = cached_file(listed, name)
    if there is not None:
        return read_header(there)
    try:
        told = HfApi().parse_safetensors_file_metadata(listed.name, name, revision=listed.commit)
    except Exception as error:
        if type(error).__name__ == "SafetensorsParsingError":
            raise ModelUnsafe(
                f"{listed.name}: {name} has no header of safetensors", next_step="take another"
            ) from error
        raise failure_of(error, listed.name, listed.kind, listed.revision) from error
    spans = {
        tensor: {"dtype": one.dtype, "shape": one.shape, "data_offsets": one.data_offsets}
        for tensor, one in told.tensors.items()
    }
    return checked_entries(Path(listed.name) / name, spans)
