"""Latency and throughput statistics of one load level."""

from collections.abc import Sequence
from typing import Any

from ftctl_adapters.serving.load import Load, Sample, percentile

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def summary(load: Load, samples: Sequence[Sample], seconds: float) -> dict[str, Any]:
    """Return rates and percentiles of one level; failed requests count, but are in no percentile.

    Times are seconds: ``ttft`` until the first text, ``tpot`` a token after that, ``latency`` of the whole answer.
    """
    good = [sample for sample in samples if not sample.error]
    later = [(s.total - s.first) / (s.tokens - 1) for s in good if s.tokens > 1]
    made = sum(sample.tokens for sample in good)
    return {
        "concurrency": load.concurrency,
        "requests": len(samples),
        "errors": len(samples) - len(good),
        "seconds": seconds,
        "prompt_tokens": _mean([sample.prompt_tokens for sample in good]),
        "tokens": _mean([sample.tokens for sample in good]),
        "requests_per_second": len(good) / seconds,
        "tokens_per_second": made / seconds,
        "ttft": _spread([sample.first for sample in good]),
        "tpot": _spread(later),
        "latency": _spread([sample.total for sample in good]),
        "first_error": next((sample.error for sample in samples if sample.error), ""),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {name: percentile(values, share) for name, share in SHARES.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
