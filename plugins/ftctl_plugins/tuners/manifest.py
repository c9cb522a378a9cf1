"""The tuners that come with ftctl."""

from ftctl.domain.format import BOTTLENECK, HF, PEFT_ADAPTER, PEFT_IA3, PEFT_PROMPT
from ftctl.plugin import ACCUMULATES, DETERMINISTIC, RESUME, VALIDATES, Need, Offer, hookimpl

TORCH = (Need("torch", "ftctl[hf]"), Need("transformers", "ftctl[hf]"))
PEFT = (*TORCH, Need("peft", "ftctl[hf]"))


@hookimpl
def ftctl_offers() -> list[Offer]:
    bnb = (*PEFT, Need("bitsandbytes", "ftctl[bnb]"))
    return [
        _offer("lora", "Lora", PEFT_ADAPTER, PEFT, "Low-rank adapters on the linear layers; the base stays as it is"),
        _offer("qlora", "Qlora", PEFT_ADAPTER, bnb, "Low-rank adapters while the base is held in 4 bits"),
        _offer("full", "Full", HF, TORCH, "Every weight of the model"),
        _offer("freeze", "Freeze", HF, TORCH, "Every weight of the last layers"),
        _offer("ia3", "Ia3", PEFT_IA3, PEFT, "Scales of keys, values and inner activations"),
        _offer("adapter", "Adapter", BOTTLENECK, TORCH, "Small networks after attention and MLP"),
        _offer("prefix", "Prefix", PEFT_PROMPT, PEFT, "Keys and values before every layer's own"),
        _offer("prompt", "Prompt", PEFT_PROMPT, PEFT, "Embeddings before the input, begun from a text if wanted"),
        _offer("p-tuning", "PTuning", PEFT_PROMPT, PEFT, "Embeddings before the input, out of a small network"),
    ]


def _offer(name: str, kind: str, produces: str, needs: tuple[Need, ...], summary: str) -> Offer:
    module = f"ftctl_plugins.tuners.{name.replace('-', '_')}"
    return Offer(
        port="tuner",
        name=name,
        summary=summary,
        factory=f"{module}:{kind}Tuner",
        options=f"{module}:{kind}Options",
        accepts=(HF,),
        produces=(produces,),
        capabilities=(RESUME, DETERMINISTIC, ACCUMULATES, *(() if name == "qlora" else (VALIDATES,))),
        needs=needs,
    )
