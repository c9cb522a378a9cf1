"""Puts the kernels into a model, wherever they compute exactly what the module there computes."""

from collections import Counter
from types import MethodType
from typing import Any

from ftctl_adapters.kernels.attention import NAME, register
from ftctl_adapters.kernels.frozen_weight import frozen_weight, lay_out_frozen
from ftctl_adapters.kernels.gated_mlp import LowRankGatedMlp
from ftctl_adapters.kernels.last_layer import install_last
from ftctl_adapters.kernels.projection import LowRankLinear
from ftctl_adapters.kernels.rms_norm import RmsNorm
from ftctl_adapters.kernels.self_attention import install_attention

GATED = ("gate_proj", "up_proj", "down_proj")
NORMS = {"LlamaRMSNorm", "MistralRMSNorm", "Qwen2RMSNorm", "Qwen3RMSNorm"}
"""Norms that are exactly x / rms(x) · w; other families add one to the weight or cast differently."""


def install(model: Any, *, whole: bool = True, head: bool = True) -> Counter[str]:
    """Replaces the forward pass of modules that are known; how many of each kind.

    Only on a CPU: an accelerator has better kernels of its own. What is replaced keeps its parameters and their names,
    so that saving and loading see no difference.

    Args:
        model: adapters included.
        whole: this process holds all weights for good, and may keep frozen ones in another layout beside them.
        head: losses are made of hidden states and the head's weight alone.
    """
    done: Counter[str] = Counter()
    if any(parameter.device.type != "cpu" for parameter in model.parameters()):
        return done
    for module in model.modules():
        if _is_gated_mlp(module):
            done["gated_mlp"] += _replace(module, _gated_mlp)
        elif is_plain_lora(module):
            done["projection"] += _replace(module, _projection)
        elif type(module).__name__ in NORMS:
            done["rms_norm"] += _replace(module, _rms_norm)
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    done["frozen_weight"] += lay_out_frozen(_frozen(core, head=head)) if whole else 0
    done["last_layer"] += install_last(core.get_decoder())
    done["self_attention"] += install_attention(core.get_decoder())
    if getattr(core.config, "_attn_implementation", "") == "sdpa":
        register()
        core.set_attn_implementation(NAME)
        done["attention"] += 1
    return +done


def _frozen(core: Any, *, head: bool) -> list[Any]:
    """The head, of which the most is to be gained, and the layers under plain LoRA."""
    heads = [core.get_output_embeddings()] if head else []
    return [*heads, *(module.base_layer for module in core.modules() if is_plain_lora(module))]


def is_plain_lora(module: Any) -> bool:
    """Whether a module is PEFT's LoRA on an ordinary linear layer: one adapter, no dropout, no variant of it."""
    from peft.tuners.lora.layer import Linear
    from torch import nn

    if type(module) is not Linear or type(module.base_layer) is not nn.Linear or module.base_layer.weight.requires_grad:
        return False
    names = module.active_adapters
    if module.merged or module.disable_adapters or len(names) != 1 or names[0] not in module.lora_A:
        return False
    name = names[0]
    plain = isinstance(module.lora_dropout[name], nn.Identity) and not module.lora_bias[name]
    return plain and name not in module.lora_variant


def _is_gated_mlp(module: Any) -> bool:
    from torch import nn

    layers = [getattr(module, name, None) for name in GATED]
    activation = getattr(module, "act_fn", None)
    silu = isinstance(activation, nn.SiLU) or type(activation).__name__ == "SiLUActivation"
    return (
        silu and [name for name, _ in module.named_children()] == [*GATED, "act_fn"] and all(map(is_plain_lora, layers))
    )


def _replace(module: Any, forward: Any) -> int:
    module.forward = MethodType(forward, module)
    return 1


def _parts(layer: Any) -> tuple[Any, ...]:
    name = layer.active_adapters[0]
    base = layer.base_layer
    return frozen_weight(base), base.bias, layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name]


def _projection(self: Any, x: Any, *_: Any, **__: Any) -> Any:
    if self.disable_adapters or self.merged:
        return type(self).forward(self, x)
    return LowRankLinear.apply(x, *_parts(self))


def _gated_mlp(self: Any, x: Any) -> Any:
    layers = [getattr(self, name) for name in GATED]
    if any(layer.disable_adapters or layer.merged for layer in layers):
        return type(self).forward(self, x)
    return LowRankGatedMlp.apply(x, *_parts(layers[0]), *_parts(layers[1]), *_parts(layers[2]))


def _rms_norm(self: Any, x: Any) -> Any:
    return RmsNorm.apply(x, self.weight, self.variance_epsilon)
