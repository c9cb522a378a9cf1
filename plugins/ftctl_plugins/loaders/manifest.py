"""The target loaders that come with ftctl."""

from ftctl.domain.format import BNB_INT8, BOTTLENECK, HF, PEFT_ADAPTER, PEFT_PROMPT
from ftctl.plugin import Need, Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        Offer(
            port="target_loader",
            name="transformers",
            summary="Models and adapters in this process, by transformers and PEFT",
            factory="ftctl_plugins.loaders.transformers:TransformersLoader",
            options="ftctl_plugins.loaders.transformers:TransformersLoaderOptions",
            accepts=(HF, PEFT_ADAPTER, PEFT_PROMPT, BOTTLENECK, BNB_INT8),
            needs=(Need("torch", "ftctl[hf]"), Need("transformers", "ftctl[hf]")),
        )
    ]
