"""Send load to an endpoint: closed loop with fixed concurrency, or open loop at a rate."""

import random
import resource
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import evolve, field, frozen

from ftctl.domain.example import Message
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed, FtctlError
from ftctl_adapters.serving.openai_client import stream

TEXT = "the river runs past seven old mills and a bridge where nobody waits for rain in early spring"
WORDS = tuple(TEXT.split())
Clock = Callable[[], float]
LOOK_SECONDS = 0.1
"""How often a wait is asked whether it was stopped."""


@frozen
class Load:
    """``concurrency`` requests at a time, ``requests`` in all; prompts of about ``prompt_words`` words.

    With a ``rate`` they come by chance, so many a second on average (a Poisson process), however slow the answers are,
    and a request's times begin when it was due: a server that stands still is not asked less for it. The key is a
    secret.
    """

    concurrency: int
    requests: int
    prompt_words: int
    max_tokens: int
    timeout: float = 300.0
    seed: int = 0
    more: dict[str, Any] = field(factory=dict)
    rate: float | None = None
    key: str | None = None


@frozen
class Sample:
    """A request; times in seconds. ``first`` is the time to first token, ``total`` to the last."""

    first: float
    total: float
    prompt_tokens: int
    tokens: int
    error: str = ""
    number: int = 0


def run_load(
    endpoint: Endpoint, load: Load, each: Callable[[Sample], None], stopped: Callable[[], bool] = lambda: False
) -> tuple[list[Sample], float]:
    """Run the load; return all samples in the order they ended, and the total seconds.

    Args:
        endpoint: where requests go.
        load: how many, and of what size.
        each: called with every sample, one at a time.
        stopped: once it is true, no further request is begun.
    """
    _allow_many_connections()
    samples: list[Sample] = []
    lock, work = threading.Lock(), enumerate(_prompts(load), 1)

    def answer(number: int, prompt: str, due: float | None = None) -> None:
        sample = evolve(ask(endpoint, prompt, load, due), number=number)
        with lock:
            samples.append(sample)
            each(sample)

    def client() -> None:
        while not stopped():
            with lock:
                one = next(work, None)
            if one is None:
                return
            answer(*one)

    started = time.perf_counter()
    if load.rate is None:
        threads = [_begun(client) for _ in range(load.concurrency)]
    else:
        threads = []
        for at, (number, prompt) in zip(_arrivals(load, load.rate), work, strict=False):
            if not _waited(started + at, stopped):
                break
            threads.append(_begun(answer, number, prompt, started + at))
    for thread in threads:
        thread.join()
    return samples, time.perf_counter() - started


def _allow_many_connections() -> None:
    """Raise the limit of open files, whose end would look like a failure of the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _begun(work: Callable[..., None], *given: Any) -> threading.Thread:
    thread = threading.Thread(target=work, args=given, daemon=True)
    thread.start()
    return thread


def _waited(due: float, stopped: Callable[[], bool]) -> bool:
    """Wait until that time; return False if stopped meanwhile."""
    while not stopped():
        left = due - time.perf_counter()
        if left <= 0:
            return True
        time.sleep(min(left, LOOK_SECONDS))
    return False


def _arrivals(load: Load, rate: float) -> Iterator[float]:
    """Yield the time of each request in seconds from the beginning."""
    chance, at = random.Random(f"{load.seed} arrivals"), 0.0  # noqa: S311 # nothing secret
    for _ in range(load.requests):
        yield at
        at += chance.expovariate(rate)


def ask(
    endpoint: Endpoint, prompt: str, load: Load, due: float | None = None, clock: Clock = time.perf_counter
) -> Sample:
    """Send a streamed request; a failure is a sample too. Times count from now, or from ``due``."""
    started, first, pieces = clock() if due is None else due, 0.0, 0
    prompt_tokens, tokens = 0, 0
    messages = [Message("user", prompt)]
    try:
        for piece in stream(
            endpoint, messages, load.max_tokens, load.timeout, key=load.key, temperature=0, **load.more
        ):
            if piece.text:
                first = first or clock() - started
                pieces += 1
            prompt_tokens, tokens = piece.prompt_tokens or prompt_tokens, piece.tokens or tokens
    except FtctlError as error:
        return Sample(first, clock() - started, 0, 0, error.what)
    total = clock() - started
    if not pieces:
        return Sample(total, total, prompt_tokens, 0, "no text came")
    # servers that count nothing send a piece a token
    return Sample(first or total, total, prompt_tokens, tokens or pieces)


def words_for(endpoint: Endpoint, tokens: int, timeout: float, key: str | None = None) -> int:
    """Return the number of words that make a prompt of about this many tokens by the server's count.

    Raises:
        BackendFailed: it does not answer.
    """
    counts = []
    for words in (16, 48):
        text = _text(random.Random(words), words, secrets.token_hex(4))  # noqa: S311 # nothing secret
        sample = ask(endpoint, text, Load(1, 1, words, 1, timeout, key=key))
        # one token may be no text, and its prompt is counted all the same
        if sample.error and not sample.prompt_tokens:
            raise BackendFailed(sample.error, next_step="is this the URL of a running server, with /v1?")
        counts.append(sample.prompt_tokens)
    each = (counts[1] - counts[0]) / 32
    return max(1, round((tokens - counts[0]) / each) + 16) if each > 0 else tokens


def _prompts(load: Load) -> Iterator[str]:
    """Yield prompts that differ from their first word, also from earlier runs, so that no prefix cache helps."""
    chance, mark = random.Random(load.seed), secrets.token_hex(4)  # noqa: S311 # nothing secret
    return (_text(chance, load.prompt_words, f"{mark}{number:x}") for number in range(load.requests))


def _text(chance: random.Random, words: int, mark: str) -> str:
    return " ".join((mark, *chance.choices(WORDS, k=words)))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 1000) * len(ordered) // 1000) - 1)] if ordered else 0.0
