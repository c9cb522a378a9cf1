"""The servers that come with ftctl."""

from ftctl.domain.format import BNB_INT8, HF
from ftctl.plugin import Need, Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        Offer(
            port="server",
            name="transformers",
            summary="`transformers serve`: OpenAI-compatible, for trying a model out",
            factory="ftctl_plugins.servers.transformers:TransformersServer",
            options="ftctl_plugins.servers.transformers:TransformersServerOptions",
            accepts=(HF, BNB_INT8),
            needs=(
                Need("torch", "ftctl[hf]"),
                Need("transformers", "ftctl[hf]"),
                Need("fastapi", "ftctl[serve]"),
                Need("uvicorn", "ftctl[serve]"),
            ),
        )
    ]
