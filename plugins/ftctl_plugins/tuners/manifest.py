"""The tuners that come with ftctl."""

from ftctl.domain.format import HF, PEFT_ADAPTER
from ftctl.plugin import Need, Offer, hookimpl

TORCH = Need("torch", "ftctl[hf]")
TRANSFORMERS = Need("transformers", "ftctl[hf]")


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        Offer(
            port="tuner",
            name="lora",
            summary="Low-rank adapters on the linear layers (LoRA, by PEFT); the base model stays as it is",
            factory="ftctl_plugins.tuners.lora:LoraTuner",
            options="ftctl_plugins.tuners.lora:LoraOptions",
            accepts=(HF,),
            produces=(PEFT_ADAPTER,),
            capabilities=("resume", "deterministic"),
            needs=(TORCH, TRANSFORMERS, Need("peft", "ftctl[hf]")),
        ),
        Offer(
            port="tuner",
            name="full",
            summary="Every weight of the model",
            factory="ftctl_plugins.tuners.full:FullTuner",
            options="ftctl_plugins.tuners.full:FullOptions",
            accepts=(HF,),
            produces=(HF,),
            capabilities=("resume", "deterministic"),
            needs=(TORCH, TRANSFORMERS),
        ),
    ]
