"""Replace layers of a model by kernels that compute exactly the same."""

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
    """Replace the forward pass of known modules; return the number of each kind.

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
    """Patch a decoder to skip padding and, in its last layer, positions that `states_at` does not ask for.

    Called in any other way, it computes what it did before.
    """
    if _on_cpu(decoder):
        install_last(decoder)
        install_attention(decoder)


@contextmanager
def kernels_within(model: Any) -> Iterator[None]:
    """Use kernels without gradients within the block, and restore the layers afterwards.

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
    """Yield the head, which gains most, and the layers under plain LoRA."""
    heads = [core.get_output_embeddings()] if head else []
    return [*heads, *(module.base_layer for module in core.modules() if is_plain_lora(module))]
