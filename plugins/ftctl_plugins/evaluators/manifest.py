"""The evaluators that come with ftctl."""

from ftctl.plugin import Need, Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        Offer(
            port="evaluator",
            name="text-metrics",
            summary="Greedy answers against the expected ones: exact match, F1, BLEU, ROUGE",
            factory="ftctl_plugins.evaluators.text_metrics:TextMetrics",
            options="ftctl_plugins.evaluators.text_metrics:TextMetricsOptions",
            needs=(Need("sacrebleu", "ftctl[eval]"), Need("rouge_score", "ftctl[eval]")),
        ),
        Offer(
            port="evaluator",
            name="perplexity",
            summary="How probable the expected answers are: perplexity by token, bits by byte",
            factory="ftctl_plugins.evaluators.perplexity:Perplexity",
            options="ftctl_plugins.evaluators.perplexity:PerplexityOptions",
        ),
    ]
