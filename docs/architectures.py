"""The page about architectures, made of the table that the tests run through."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.architectures.refused_methods import REFUSED
from tests.architectures.tiny_models import ARCHITECTURES

HEAD = """# Architectures

`pytest tests/architectures` makes a tiny random model of each architecture and compares it with plain transformers.
Losses agree to 1e-4 nats a token in float32, gradients to 0.2 % of the largest, before and after steps, trained whole
and with LoRA. Scores, saving, loading and merging are compared too. Real weights of these families were not run.

The last two columns say where a method is limited:

- `packing`: *exact* means that packed texts have the losses that they have alone. *refused* means that the architecture
  does not honour position ids. Then `tuner.packing` ends with exit code 2 before the first step, unless
  `packing_attention` is `joined`.
- `LoRA reaches`: share of the weights in matrices that `target_modules: all-linear` updates. Where it is below 100 %,
  training warns and names what it passes over. `tuner.target_parameters` adds tensors such as `mlp.experts.down_proj`.

| architecture | `model_type` | packing | LoRA reaches |
|---|---|---|---|
"""

METHODS = """
## Other methods

`full`, `freeze`, `lora`, `prompt` and `p-tuning` take every architecture of the table; each trains as many parameters
as the plan says. The following tuners refuse some when a run is planned (exit code 2). `ia3` takes more of them if
`target_modules` and `feedforward_modules` name their layers; it has nothing for experts that are one tensor.

| tuner | refused |
|---|---|
"""

TAIL = """
## Refused by name

These end with exit code 4 (`model-mismatch`) when a run is planned: encoders such as BERT, encoder-decoders such as T5,
classifiers and other heads, models that take images, audio or video. Architectures whose code lies in the model's
folder are refused too (`model-unsafe`).

Weights that lack a tensor of their architecture are refused when they are loaded, since transformers would fill in
random numbers.
"""


def architectures() -> str:
    """The page as Markdown."""
    rows = [
        f"| {name} | `{one.model_type}` | {'exact' if one.packs else 'refused'} | {one.reached:.0%} |\n"
        for name, one in ARCHITECTURES.items()
    ]
    refused = [f"| `{use}` | {', '.join(sorted(names))} |\n" for use, names in REFUSED.items()]
    return HEAD + "".join(rows) + METHODS + "".join(refused) + TAIL
