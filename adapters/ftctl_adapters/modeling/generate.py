"""Answers of a loaded model, greedy or drawn."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from ftctl.ports import Answer
from ftctl_adapters.modeling.cache_size import CACHE, bytes_per_answer, bytes_per_token
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.modeling.windows import context_of

MASK = 64 * 1024**2
"""Entries of a batch's attention mask, rows by padded tokens squared: 64 questions of 1,024 tokens, or one longer."""


@frozen
class Room:
    """Memory of a batch: bytes of a token and of an answer (see `cache_size`), and of tokens that may be generated."""

    token: int
    answer: int
    new_tokens: int

    def holds(self, count: int, longest: int) -> bool:
        """Return True if so many prompts, of so many tokens at most, can be answered together."""
        cache = count * (self.answer + self.token * (longest + self.new_tokens))
        return count == 1 or (count * longest**2 <= MASK and cache <= CACHE)


@frozen
class Drawing:
    """Sampling: temperature and seed."""

    temperature: float
    seed: int

    def seed_of(self, prompt: Sequence[int]) -> int:
        """Return the seed for one prompt, independent of its batch."""
        told = hashlib.sha256(repr((self.seed, list(prompt))).encode()).digest()
        return int.from_bytes(told[:8], "big") >> 1


def greedy(model: Any, tokenizer: ChatTokenizer, prompts: Sequence[Sequence[int]], max_new_tokens: int) -> list[Answer]:
    """Return one greedy answer a prompt, computed in batches padded on the left.

    Args:
        model: a causal language model in eval mode.
        tokenizer: its tokenizer.
        prompts: token ids, each fewer than the model's context.
        max_new_tokens: where an answer is cut, unless the context ends before.
    """
    return _generated(model, tokenizer, prompts, max_new_tokens, None)


def drawn(
    model: Any, tokenizer: ChatTokenizer, prompts: Sequence[Sequence[int]], max_new_tokens: int, drawing: Drawing
) -> list[Answer]:
    """Return one sampled answer a prompt, each with its own noise, independent of its batch.

    The most probable token after Gumbel noise is a draw (Maddison, Tarlow and Minka, A* sampling, 2014).
    """
    return _generated(model, tokenizer, prompts, max_new_tokens, drawing)


class GumbelNoise:
    """A logits processor of transformers; one seed a row."""

    def __init__(self, seeds: Sequence[int], temperature: float) -> None:
        import torch

        self._temperature = temperature
        self._draws = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        rows = [torch.rand(scores.shape[-1], generator=draw, dtype=torch.float64) for draw in self._draws]
        noise = -(-torch.stack(rows).log()).log()
        return scores.double() / self._temperature + noise.to(scores.device)


def _generated(
    model: Any, tokenizer: ChatTokenizer, prompts: Sequence[Sequence[int]], max_new_tokens: int, drawing: Drawing | None
) -> list[Answer]:
    answers: dict[int, Answer] = {}
    context = context_of(model)
    room = [max_new_tokens if context is None else min(max_new_tokens, context - len(prompt)) for prompt in prompts]
    memory = Room(bytes_per_token(model), bytes_per_answer(model), max_new_tokens)
    for places in _batches([len(prompt) for prompt in prompts], [left < max_new_tokens for left in room], memory):
        batch = [prompts[place] for place in places]
        answers |= dict(zip(places, _batch(model, tokenizer, batch, room[places[0]], drawing), strict=True))
    return [answers[place] for place in range(len(prompts))]


def _batches(lengths: Sequence[int], near_the_end: Sequence[bool], memory: Room) -> Iterator[list[int]]:
    """Yield batches of prompts of similar length, so that little padding is needed.

    A prompt near the end of the model's context is alone, since its answer is cut where no other is.
    """
    batch: list[int] = []
    yield from ([place] for place, alone in enumerate(near_the_end) if alone)
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if near_the_end[place]:
            continue
        if not memory.holds(len(batch) + 1, lengths[place]):
            yield sorted(batch)
            batch = []
        batch.append(place)
    yield from [sorted(batch)] if batch else []


def _batch(
    model: Any, tokenizer: ChatTokenizer, prompts: Sequence[Sequence[int]], max_new_tokens: int, drawing: Drawing | None
) -> list[Answer]:
    import torch

    ids, mask = _left_padded(prompts, tokenizer.pad_id)
    noise = [GumbelNoise(list(map(drawing.seed_of, prompts)), drawing.temperature)] if drawing else []
    with torch.inference_mode(), _head_on_whole_rows(model):
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            logits_processor=noise,
            eos_token_id=sorted(tokenizer.stop_ids),
            pad_token_id=tokenizer.pad_id,
        )
    return [_answer(tokenizer, row) for row in out[:, ids.shape[1] :].tolist()]


@contextmanager
def _head_on_whole_rows(model: Any) -> Iterator[None]:
    """Give the head contiguous states.

    transformers takes each row's last state out of all. For such a slice in bfloat16 and a frozen weight, as PEFT
    leaves it, torch 2.13 multiplies row by row, with a copy of the weight for each: gigabytes.
    """
    head = model.get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda _, given: (given[0].contiguous(), *given[1:]))
    try:
        yield
    finally:
        handle.remove()


def _left_padded(prompts: Sequence[Sequence[int]], pad_id: int) -> tuple[Any, Any]:
    import torch

    longest = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), longest), pad_id, dtype=torch.long)
    mask = torch.zeros((len(prompts), longest), dtype=torch.long)
    for place, prompt in enumerate(prompts):
        ids[place, longest - len(prompt) :] = torch.tensor(list(prompt))
        mask[place, longest - len(prompt) :] = 1
    return ids, mask


def _answer(tokenizer: ChatTokenizer, row: Sequence[int]) -> Answer:
    for place, token in enumerate(row):
        if token in tokenizer.stop_ids:
            return Answer(tokenizer.decode(row[:place]), tuple(row[:place]), "stop")
    return Answer(tokenizer.decode(row), tuple(row), "length")
