"""What ftctl reads to know this plugin; it imports the standard library and ftctl.plugin alone."""

from ftctl.plugin import Offer, hookimpl


@hookimpl
def ftctl_offers():
    return [
        Offer(
            port="evaluator",
            name="moderation",
            summary="How often answers break a policy of words, patterns and personal data",
            factory="ftctl_moderation.evaluator:Moderation",
            options="ftctl_moderation.evaluator:ModerationOptions",
            contract=1,
        )
    ]
