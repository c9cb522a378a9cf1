"""``prune``: set the least important weights to zero. Han et al., 2015; Sun et al., Wanda, 2023."""

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

UNSTRUCTURED, N_M = "unstructured", "2:4"


@options
class PruneOptions(CalibrationOptions):
    """Options of `PruneCompressor`."""

    method: str = option(
        "wanda",
        help="wanda: weight size times input norm; magnitude: weight size.",
        choices=("wanda", "magnitude"),
    )
    sparsity: float = option(0.5, help="Share of zeros in every row.", gt=0, lt=1)
    pattern: str = option(
        UNSTRUCTURED, help="2:4: two of each four, as sparse kernels want it.", choices=(UNSTRUCTURED, N_M)
    )


class PruneCompressor(Compressor):
    """Same shapes and format, so everything can serve it; the zeros save memory only where a kernel uses them."""

    def __init__(self, options: PruneOptions) -> None:
        if options.pattern == N_M and options.sparsity != 0.5:
            raise ConfigInvalid("compressor.sparsity: the pattern 2:4 is a sparsity of 0.5")
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        if not shape.linear:
            return Verdict(("the model has no linear layers to prune",))
        odd = sorted({columns for _, columns in shape.linear.values() if columns % 4})
        if self._options.pattern == N_M and odd:
            return Verdict((f"2:4 needs layers whose columns are multiples of 4, not {', '.join(map(str, odd))}",))
        return Verdict()

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from ftctl_adapters.modeling.calibration import token_rows
        from ftctl_adapters.modeling.compressed import compressed_draft
        from ftctl_adapters.modeling.linear_layers import input_norms, linear_layers
        from ftctl_adapters.modeling.load import load_base
        from ftctl_adapters.modeling.reached_weights import tell_reached
        from ftctl_adapters.modeling.save import save_model
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        given, loaded = self._options, load_base(model.path, None).eval()
        norms: dict[str, Any] = {}
        if given.method == "wanda":
            wanted = calibration[: given.num_calibration_samples]
            norms = input_norms(loaded, token_rows(wanted, ChatTokenizer.of(model), given.max_seq_length))
        zeros, weights, layers = 0, 0, linear_layers(loaded)
        reached = tell_reached(loaded, [layer.weight for layer in layers.values()], "prunes", context)
        for name, layer in layers.items():
            zero_least(layer.weight, norms.get(name), given.sparsity, given.pattern)
            zeros, weights = zeros + int((layer.weight == 0).sum()), weights + layer.weight.numel()
            context.stop_if_cancelled()
        save_model(loaded, context.out)
        share = round(zeros / weights * reached, 4)
        return compressed_draft(model, context.out, HF, sparsity=share, pattern=given.pattern)


def zero_least(weight: Any, norms: Any, sparsity: float, pattern: str) -> None:
    """Zero weights in place.

    Args:
        weight: of shape (out, in).
        norms: of shape (in,): of each input over the calibration rows; ``None`` where size alone decides.
        sparsity: share of each row.
        pattern: ``unstructured``, or ``2:4``: two of each four neighbours.
    """
    import torch

    with torch.no_grad():
        importance = weight.abs().float() * (1.0 if norms is None else norms)
        grouped = importance.view(-1, 4) if pattern == N_M else importance
        count = 2 if pattern == N_M else round(sparsity * importance.shape[1])
        least = grouped.topk(count, dim=1, largest=False).indices
        mask = torch.zeros_like(grouped, dtype=torch.bool).scatter_(1, least, True).view_as(weight)
        weight.masked_fill_(mask, 0.0)
