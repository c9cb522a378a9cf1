"""The tuners that come with ftctl."""

from ftctl.domain.format import BOTTLENECK, HF, PEFT_ADAPTER, PEFT_IA3, PEFT_PROMPT
from ftctl.plugin import ACCUMULATES, DETERMINISTIC, PREPARES, RESUME, VALIDATES, Need, Offer, hookimpl

TORCH = (Need("torch", "ftctl[hf]"), Need("transformers", "ftctl[hf]"))
PEFT = (*TORCH, Need("peft", "ftctl[hf]"))


@hookimpl
def ftctl_offers() -> list[Offer]:
    bnb = (*PEFT, Need("bitsandbytes", "ftctl[bnb]"))
    return [
        _offer("lora", "Lora", PEFT_ADAPTER, PEFT, "LoRA: low-rank adapters on linear layers"),
        _offer("qlora", "Qlora", PEFT_ADAPTER, bnb, "QLoRA: LoRA on a 4-bit base model"),
        _offer("full", "Full", HF, TORCH, "Full fine-tuning: all weights"),
        _offer("freeze", "Freeze", HF, TORCH, "All weights of the last layers"),
        _offer("ia3", "Ia3", PEFT_IA3, PEFT, "IA3: learnt scales of keys, values and activations"),
        _offer("adapter", "Adapter", BOTTLENECK, TORCH, "Bottleneck adapters after attention and MLP"),
        _offer("prefix", "Prefix", PEFT_PROMPT, PEFT, "Prefix tuning: learnt keys and values in every layer"),
        _offer("prompt", "Prompt", PEFT_PROMPT, PEFT, "Prompt tuning: learnt embeddings before the input"),
        _offer("p-tuning", "PTuning", PEFT_PROMPT, PEFT, "P-tuning: learnt embeddings, made by a small network"),
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
        capabilities=(PREPARES, RESUME, DETERMINISTIC, ACCUMULATES, *(() if name == "qlora" else (VALIDATES,))),
        needs=needs,
    )
