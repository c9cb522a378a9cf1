"""``dpo``: prefer the chosen answer to the rejected one. Rafailov et al., Direct Preference Optimization, 2023."""

from typing import Any, ClassVar

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example
from ftctl.errors import LabelsInvalid
from ftctl.plugin import option, options
from ftctl.ports.objective import Batch, Encoder, Forward, Objective


@options
class DpoOptions:
    """Options of `DpoObjective`."""

    beta: float = option(0.1, help="DPO beta: strength of the KL penalty to the reference.", gt=0)
    label_smoothing: float = option(0.0, help="Assumed share of flipped pairs (conservative DPO).", ge=0, lt=0.5)


class DpoObjective(Objective):
    """-log sigmoid(beta · ((log p - log p₀)(chosen) - (log p - log p₀)(rejected))), the mean over pairs."""

    constants: ClassVar[tuple[str, ...]] = ("reference_chosen", "reference_rejected")
    sequences_per_row: ClassVar[int] = 2

    def __init__(self, options: DpoOptions) -> None:
        self._options = options

    def encode(self, example: Example, encoder: Encoder) -> tuple[Encoded, ...]:
        if not example.rejected:
            step = "give rows with prompt, chosen and rejected"
            raise LabelsInvalid(f"{example.where}: dpo needs a rejected answer beside the chosen one", next_step=step)
        return encoder.answered(example, example.messages[-1:]), encoder.answered(example, example.rejected)

    def units(self, batch: Batch) -> int:
        return batch.rows

    def loss(self, model: Forward, batch: Batch) -> tuple[Any, dict[str, Any]]:
        from torch.nn.functional import logsigmoid

        found = self.constants_of(model, batch)
        chosen = found["reference_chosen"] - batch.constants["reference_chosen"]
        rejected = found["reference_rejected"] - batch.constants["reference_rejected"]
        margin, smoothing = self._options.beta * (chosen - rejected), self._options.label_smoothing
        losses = -(1 - smoothing) * logsigmoid(margin) - smoothing * logsigmoid(-margin)
        return losses.sum(), {"reward_accuracy": (margin > 0).sum(), "reward_margin": margin.detach().sum()}

    def constants_of(self, model: Forward, batch: Batch) -> dict[str, Any]:
        losses, places = model.token_losses(batch)
        sums = losses.new_zeros(len(batch.ids)).index_add(0, places, -losses)
        return dict(zip(self.constants, sums.view(batch.rows, 2).unbind(1), strict=True))
