"""Puts the kernels into a model, wherever they compute exactly what the module there computes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

from ftctl_adapters.kernels.attention import NAME, register
from ftctl_adapters.kernels.frozen_weight import lay_out_frozen
from ftctl_adapters.kernels.last_layer import install_last
from ftctl_adapters.kernels.layer_matching import is_plain_lora, known_layers
from ftctl_adapters.kernels.self_attention import install_attention


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
    if not _on_cpu(model):
        return done
    for kind, module, forward in known_layers(model, training=True):
        module.forward = MethodType(forward, module)
        done[kind] += 1
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    done["frozen_weight"] += lay_out_frozen(_frozen(core, head=head)) if whole else 0
    done["last_layer"] += install_last(core.get_decoder())
    done["self_attention"] += install_attention(core.get_decoder())
    if getattr(core.config, "_attn_implementation", "") == "sdpa":
        register()
        core.set_attn_implementation(NAME)
        done["attention"] += 1
    return +done


def install_asked(decoder: Any) -> None:
    """Lets a decoder leave out padding, and in its last layer what is not asked for, where `states_at` calls it.

    Called in any other way, it computes what it did before.
    """
    if _on_cpu(decoder):
        install_last(decoder)
        install_attention(decoder)


@contextmanager
def kernels_within(model: Any) -> Iterator[None]:
    """Kernels in place of known layers, without gradients, and the layers' own again afterwards.

    Answers that are generated before and after are the same to the last bit.
    """
    known = list(known_layers(model, training=False)) if _on_cpu(model) else []
    before = [vars(module).get("forward") for _, module, _ in known]
    for _, module, forward in known:
        module.forward = MethodType(forward, module)
    try:
        yield
    finally:
        for (_, module, _), forward in zip(known, before, strict=True):
            if forward is None:
                del module.forward
            else:
                module.forward = forward


def _on_cpu(model: Any) -> bool:
    return all(parameter.device.type == "cpu" for parameter in model.parameters())


def _frozen(core: Any, *, head: bool) -> list[Any]:
    """The head, of which the most is to be gained, and the layers under plain LoRA."""
    heads = [core.get_output_embeddings()] if head else []
    return [*heads, *(module.base_layer for module in core.modules() if is_plain_lora(module))]
