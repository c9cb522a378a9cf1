"""A closed loop of requests against an endpoint: so many at a time, each followed by the next."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import field, frozen

from ftctl.domain.example import Message
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed, FtctlError
from ftctl_adapters.serving.openai_client import stream

TEXT = "the river runs past seven old mills and a bridge where nobody waits for rain in early spring"
WORDS = tuple(TEXT.split())


@frozen
class Load:
    """``concurrency`` requests at a time, ``requests`` in all; prompts of about ``prompt_words`` words."""

    concurrency: int
    requests: int
    prompt_words: int
    max_tokens: int
    timeout: float = 300.0
    seed: int = 0
    more: dict[str, Any] = field(factory=dict)


@frozen
class Sample:
    """One request; times are seconds. ``first`` is the wait for the first text, ``total`` that for the last."""

    first: float
    total: float
    prompt_tokens: int
    tokens: int
    error: str = ""


def run_load(endpoint: Endpoint, load: Load, each: Callable[[Sample], None]) -> tuple[list[Sample], float]:
    """All samples, in the order of their ends, and the seconds that they took together.

    Args:
        endpoint: where requests go.
        load: how many, and of what size.
        each: called with every sample, one at a time.
    """
    samples: list[Sample] = []
    lock, work = threading.Lock(), iter(_prompts(load))

    def client() -> None:
        while True:
            with lock:
                prompt = next(work, None)
            if prompt is None:
                return
            sample = ask(endpoint, prompt, load)
            with lock:
                samples.append(sample)
                each(sample)

    clients = [threading.Thread(target=client, daemon=True) for _ in range(load.concurrency)]
    started = time.perf_counter()
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    return samples, time.perf_counter() - started


def ask(endpoint: Endpoint, prompt: str, load: Load) -> Sample:
    """One streamed request; a failure is a sample too."""
    started, first, pieces = time.perf_counter(), 0.0, 0
    prompt_tokens, tokens = 0, 0
    messages = [Message("user", prompt)]
    try:
        for piece in stream(endpoint, messages, load.max_tokens, load.timeout, temperature=0, **load.more):
            if piece.text:
                first = first or time.perf_counter() - started
                pieces += 1
            prompt_tokens, tokens = piece.prompt_tokens or prompt_tokens, piece.tokens or tokens
    except FtctlError as error:
        return Sample(first, time.perf_counter() - started, 0, 0, error.what)
    total = time.perf_counter() - started
    # servers that count nothing send a piece a token
    return Sample(first or total, total, prompt_tokens, tokens or pieces)


def words_for(endpoint: Endpoint, tokens: int, timeout: float) -> int:
    """How many words make a prompt of about so many tokens, by the server's own count.

    Raises:
        BackendFailed: it does not answer.
    """
    counts = []
    for words in (16, 48):
        sample = ask(endpoint, _text(random.Random(words), words), Load(1, 1, words, 1, timeout))  # noqa: S311 # nothing secret
        if sample.error:
            raise BackendFailed(sample.error, next_step="is this the URL of a running server, with /v1?")
        counts.append(sample.prompt_tokens)
    each = (counts[1] - counts[0]) / 32
    return max(1, round((tokens - counts[0]) / each) + 16) if each > 0 else tokens


def _prompts(load: Load) -> Iterator[str]:
    """Texts that differ from the first word on, so that no cache of prefixes answers for the model."""
    chance = random.Random(load.seed)  # noqa: S311 # nothing secret
    return (_text(chance, load.prompt_words) for _ in range(load.requests))


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 1000) * len(ordered) // 1000) - 1)] if ordered else 0.0
