"""``low-rank``: replace linear layers by truncated SVDs.

Activation-aware: the columns are scaled by what comes in before the SVD, as in Yuan et al., ASVD, 2023.
"""

from collections.abc import Sequence
from typing import Any

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl.ports import Compressor, StageContext
from ftctl_adapters.modeling.calibration import CalibrationOptions


@options
class LowRankOptions(CalibrationOptions):
    """Options of `LowRankCompressor`."""

    energy: float | None = option(0.95, help="Share of each layer's squared singular values that is kept.", gt=0, le=1)
    rank: int | None = option(None, help="Rank kept of every layer, instead of `energy`.", ge=1)
    activation_aware: bool = option(True, help="Scale columns by their activations on the calibration rows.")


class LowRankCompressor(Compressor):
    """Low-rank factorisation; the product is stored as one matrix, so that everything can load it.

    It tells how many parameters the two factors would have; no server here computes with factors, so the files do not
    become smaller.
    """

    def __init__(self, options: LowRankOptions) -> None:
        if (options.energy is None) == (options.rank is None):
            raise ConfigInvalid("compressor: either energy or rank must be given, the other null")
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict() if shape.linear else Verdict(("the model has no linear layers",))

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from ftctl_adapters.modeling.calibration import token_rows
        from ftctl_adapters.modeling.compressed import compressed_draft
        from ftctl_adapters.modeling.linear_layers import input_norms, linear_layers
        from ftctl_adapters.modeling.load import load_base
        from ftctl_adapters.modeling.save import save_model
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        given, loaded = self._options, load_base(model.path, None).eval()
        norms: dict[str, Any] = {}
        if given.activation_aware:
            wanted = calibration[: given.num_calibration_samples]
            norms = input_norms(loaded, token_rows(wanted, ChatTokenizer.of(model), given.max_seq_length))
        factors = whole = 0
        for name, layer in linear_layers(loaded).items():
            rank = truncate(layer.weight, norms.get(name), given.energy, given.rank)
            factors += min(rank * sum(layer.weight.shape), layer.weight.numel())
            whole += layer.weight.numel()
            context.stop_if_cancelled()
        save_model(loaded, context.out)
        return compressed_draft(model, context.out, HF, factor_parameters=factors, linear_parameters=whole)


def truncate(weight: Any, norms: Any, energy: float | None, rank: int | None) -> int:
    """Replace a weight by the nearest matrix of lower rank; return the rank.

    Args:
        weight: of shape (out, in).
        norms: of shape (in,), by which columns weigh; ``None``: all the same.
        energy: share of the squared singular values to keep, unless a rank is given.
        rank: how many to keep.
    """
    import torch

    with torch.no_grad():
        scale = torch.ones(weight.shape[1]) if norms is None else norms.clamp_min(norms.max() * 1e-4)
        left, values, right = torch.linalg.svd(weight.float() * scale, full_matrices=False)
        if rank is None:
            shares = values.square().cumsum(0) / values.square().sum()
            rank = int((shares < (energy or 1.0) - 1e-7).sum()) + 1
        rank = min(rank, len(values))
        weight.copy_((left[:, :rank] * values[:rank]) @ right[:rank] / scale)
    return rank
