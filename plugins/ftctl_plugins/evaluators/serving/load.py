"""``load``: latency and throughput of a server at given concurrency or rate."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from ftctl.domain.event import PROGRESS_MADE
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.errors import Unanswered
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target
from ftctl_adapters.process.resource_usage import Watch
from ftctl_adapters.serving.load import Load, Sample, percentile, run_load, words_for

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
TIMES = ("ttft_ms", "tpot_ms", "latency_ms")
ELSEWHERE = "; the server is not on this machine, or nobody says which process it is: what it takes is not told"


@options
class LoadOptions:
    """Options of `LoadEvaluator`."""

    concurrency: int = option(4, help="Concurrent requests, each followed by the next (closed loop).", ge=1, le=1024)
    rate: float | None = option(
        None, help="Poisson arrivals a second instead of `concurrency` (open loop).", gt=0, le=10_000
    )
    requests: int = option(64, help="Number of requests.", ge=1, le=100_000)
    warmup: int = option(2, help="Requests before, which are not counted.", ge=0, le=1000)
    prompt_tokens: int = option(64, help="About how long the questions are.", ge=1)
    max_tokens: int = option(64, help="Longest answer.", ge=1)
    ignore_eos: bool = option(False, help="Ask for answers of full length; vllm and onnx can.")
    slo_ttft_ms: float = option(1000.0, help="Longest time to first token that counts for `goodput`.", gt=0)
    slo_tpot_ms: float = option(100.0, help="Longest time per output token that counts for `goodput`.", gt=0)
    timeout: float = option(120.0, help="Seconds between two pieces of an answer.", gt=0)
    seed: int = option(0, help="Random seed of questions and arrivals.", ge=0)


class LoadEvaluator(Evaluator):
    """Sends greedy streamed chats of made-up words, which no prefix cache can answer.

    ``ttft_ms`` is the wait for the first text, ``tpot_ms`` that for a token after it, by the server's own count of
    tokens. ``goodput`` is the share of all requests that kept both limits, those that failed among them. Times of an
    open loop begin when a request was due. Failed requests are in no percentile. Of a server on this machine
    ``server_cores`` is how many cores it and all that it started kept busy on average, ``server_rss_mb`` the most
    memory that they held.
    """

    def __init__(self, options: LoadOptions) -> None:
        self._options = options

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked, reached = self._options, target.reached()
        more: dict[str, Any] = {"ignore_eos": True} if asked.ignore_eos else {}
        words = words_for(reached.endpoint, asked.prompt_tokens, asked.timeout, reached.key)
        load = Load(asked.concurrency, asked.requests, words, asked.max_tokens, asked.timeout, asked.seed, more,
                    asked.rate, reached.key)  # fmt: skip
        if asked.warmup:
            warm = Load(asked.concurrency, asked.warmup, words, asked.max_tokens, asked.timeout, asked.seed + 1, more,
                        key=reached.key)  # fmt: skip
            run_load(reached.endpoint, warm, lambda _: None, context.cancelled)
        done = 0

        def each(_: Sample) -> None:
            nonlocal done
            done += 1
            context.emit(PROGRESS_MADE, done=done, total=load.requests, unit="requests")

        watch = Watch.of(reached.endpoint.url)
        with watch or nullcontext():
            samples, seconds = run_load(reached.endpoint, load, each, context.cancelled)
        context.stop_if_cancelled()
        samples.sort(key=lambda sample: sample.number)
        good = [sample for sample in samples if not sample.error]
        if not good:
            text = f"not one of {len(samples)} requests was answered: {samples[0].error}"
            raise Unanswered(text, next_step="see the server's log")
        records = tuple(map(self._record, samples))
        metrics = (*self._metrics(records, good, seconds), *_taken(watch, seconds, len(good)))
        return Report("load", metrics, records, {"load": self._note(seconds) + ("" if watch else ELSEWHERE)})

    def _record(self, sample: Sample) -> dict[str, Any]:
        found: dict[str, Any] = {"where": f"load.{sample.number}", "goodput": 0.0, "failed": float(bool(sample.error))}
        if sample.error:
            return found | {"answer": sample.error}
        times = {"ttft_ms": sample.first * 1000, "latency_ms": sample.total * 1000, "tokens": sample.tokens}
        each = (sample.total - sample.first) / (sample.tokens - 1) * 1000 if sample.tokens > 1 else 0.0
        kept = times["ttft_ms"] <= self._options.slo_ttft_ms and each <= self._options.slo_tpot_ms
        return found | times | ({"tpot_ms": each} if sample.tokens > 1 else {}) | {"goodput": float(kept)}

    def _metrics(self, records: Sequence[dict[str, Any]], good: Sequence[Sample], seconds: float) -> list[Metric]:
        found = [
            mean_metric("goodput", [one["goodput"] for one in records], unit="share", direction="higher"),
            mean_metric("failed", [one["failed"] for one in records], unit="share", direction="lower"),
            Metric("requests_per_second", len(good) / seconds, "1/s", "higher", len(good)),
            Metric("tokens_per_second", sum(one.tokens for one in good) / seconds, "1/s", "higher", len(good)),
        ]
        for name in TIMES:
            values = [one[name] for one in records if name in one]
            found += [Metric(f"{name}_{label}", percentile(values, share), "ms", "lower", len(values))
                      for label, share in SHARES.items() if values]  # fmt: skip
        return found

    def _note(self, seconds: float) -> str:
        asked = self._options
        how = f"{asked.rate:g} a second, open loop" if asked.rate else f"{asked.concurrency} at a time, closed loop"
        limits = f"goodput: first text in {asked.slo_ttft_ms:g} ms, then {asked.slo_tpot_ms:g} ms a token"
        return f"{asked.requests} requests, {how}, in {seconds:.1f} s; {limits}"


def _taken(watch: Watch | None, seconds: float, n: int) -> Iterator[Metric]:
    if watch and watch.peak_bytes:
        yield Metric("server_cores", watch.cpu_seconds / seconds, "cores", "lower", n)
        yield Metric("server_rss_mb", watch.peak_bytes / 1e6, "MB", "lower", n)
