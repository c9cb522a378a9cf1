"""Offers of this plugin; this module imports only the standard library and ftctl.plugin."""

from ftctl.plugin import Offer, hookimpl


@hookimpl
def ftctl_offers():
    return [
        Offer(
            port="evaluator",
            name="echo",
            summary="Share of answers that repeat their question",
            factory="ftctl_echo.backend:Echo",
            options="ftctl_echo.backend:EchoOptions",
            contract=1,
        )
    ]
