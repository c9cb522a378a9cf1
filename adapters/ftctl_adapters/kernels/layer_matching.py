"""Match layers of a model to kernels that compute exactly the same."""

from collections.abc import Callable, Iterator
from typing import Any

from ftctl_adapters.kernels.frozen_weight import frozen_weight
from ftctl_adapters.kernels.gated_mlp import LowRankGatedMlp
from ftctl_adapters.kernels.precision import is_double, is_half
from ftctl_adapters.kernels.projection import LowRankLinear
from ftctl_adapters.kernels.rms_norm import RmsNorm

GATED = ("gate_proj", "up_proj", "down_proj")
NORMS = {"LlamaRMSNorm", "MistralRMSNorm", "Qwen2RMSNorm", "Qwen3RMSNorm"}
"""Norms that are exactly x / rms(x) · w; other families add one to the weight or cast differently."""

Forward = Callable[..., Any]


def known_layers(model: Any, *, training: bool) -> Iterator[tuple[str, Any, Forward]]:
    """Yield layers that a kernel can replace: kind, layer, and its forward pass.

    Args:
        model: adapters included.
        training: gradients are asked for; where they are not, layers without an adapter are known too.
    """
    for module in model.modules():
        if _is_gated_mlp(module, is_plain_lora):
            yield "gated_mlp", module, _low_rank_gated_mlp
        elif not training and _is_gated_mlp(module, _is_linear):
            yield "gated_mlp", module, _gated_mlp
        elif is_plain_lora(module):
            yield "projection", module, _projection
        elif type(module).__name__ in NORMS and (training or _is_single(module.weight)):
            yield "rms_norm", module, _rms_norm


def is_plain_lora(module: Any) -> bool:
    """Return True for PEFT's LoRA on a linear layer: one adapter, no dropout, no variant."""
    from torch import nn

    base: Any = getattr(module, "base_layer", None)
    if not _is_linear(base) or not _is_peft_lora(module) or base.weight.requires_grad:
        return False
    names = module.active_adapters
    if module.merged or module.disable_adapters or len(names) != 1 or names[0] not in module.lora_A:
        return False
    name = names[0]
    plain = isinstance(module.lora_dropout[name], nn.Identity) and not module.lora_bias[name]
    return plain and name not in module.lora_variant


def _is_peft_lora(module: Any) -> bool:
    """Not asked of models without adapters: importing PEFT takes seconds."""
    from peft.tuners.lora.layer import Linear

    return type(module) is Linear


def _is_single(weight: Any) -> bool:
    """The kernel of a norm rounds as it does in float32 alone: float64 is cut, and 16 bits are rounded elsewhere."""
    return not (is_double(weight) or is_half(weight))


def _is_linear(module: Any) -> bool:
    from torch import nn

    return type(module) is nn.Linear


def _is_gated_mlp(module: Any, is_known: Callable[[Any], bool]) -> bool:
    from torch import nn

    layers = [getattr(module, name, None) for name in GATED]
    activation = getattr(module, "act_fn", None)
    silu = isinstance(activation, nn.SiLU) or type(activation).__name__ == "SiLUActivation"
    named = [name for name, _ in module.named_children()] == [*GATED, "act_fn"]
    return silu and named and _is_plain_product(type(module)) and all(map(is_known, layers))


def _is_plain_product(kind: type) -> bool:
    """Return True if the forward pass of a class is exactly that of Llama's MLP.

    Architectures whose MLP has the same parts clamp, scale or drop between them.
    """
    code = getattr(getattr(kind, "forward", None), "__code__", None)
    return code is not None and any(_same_code(code, known.__code__) for known in (_product_kept, _product_returned))


def _same_code(one: Any, other: Any) -> bool:
    numbers = [[value for value in code.co_consts if isinstance(value, int | float)] for code in (one, other)]
    return bool(one.co_code == other.co_code and one.co_names == other.co_names and numbers[0] == numbers[1])


def _product_kept(self: Any, x: Any) -> Any:
    down_proj = self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))
    return down_proj  # noqa: RET504 - the same code as transformers' own


def _product_returned(self: Any, x: Any) -> Any:
    return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


def _parts(layer: Any) -> tuple[Any, ...]:
    name = layer.active_adapters[0]
    base = layer.base_layer
    return frozen_weight(base), base.bias, layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name]


def _projection(self: Any, x: Any, *_: Any, **__: Any) -> Any:
    if self.disable_adapters or self.merged:
        return type(self).forward(self, x)
    return _over_rows(LowRankLinear, x, *_parts(self))


def _low_rank_gated_mlp(self: Any, x: Any) -> Any:
    layers = [getattr(self, name) for name in GATED]
    if any(layer.disable_adapters or layer.merged for layer in layers):
        return type(self).forward(self, x)
    return _over_rows(LowRankGatedMlp, x, *_parts(layers[0]), *_parts(layers[1]), *_parts(layers[2]))


def _over_rows(function: Any, x: Any, *parts: Any) -> Any:
    """Apply an autograd function to X (…, in) as rows; its shape is restored outside, so that it may be changed."""
    y = function.apply(x.reshape(-1, x.shape[-1]), *parts)
    return y.view(*x.shape[:-1], y.shape[-1])


def _gated_mlp(self: Any, x: Any) -> Any:
    """Without gradients: two passes over what the gate made, in its memory."""
    import torch

    gated = torch.nn.functional.silu(self.gate_proj(x), inplace=True)
    return self.down_proj(gated.mul_(self.up_proj(x)))


def _rms_norm(self: Any, x: Any) -> Any:
    return RmsNorm.apply(x, self.weight, self.variance_epsilon)
