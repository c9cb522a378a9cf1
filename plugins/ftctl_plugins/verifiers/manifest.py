"""The verifiers that come with ftctl."""

from ftctl.plugin import Need, Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        Offer(
            port="verifier",
            name="golden",
            summary="Replay an artifact's golden cases against an endpoint",
            factory="ftctl_plugins.verifiers.golden:GoldenVerifier",
            options="ftctl_plugins.verifiers.golden:GoldenOptions",
            needs=(Need("transformers", "ftctl[hf]"),),
        )
    ]
