"""Greedy answers of a loaded model."""

from collections.abc import Sequence
from typing import Any

from ftctl.ports import Answer
from ftctl_adapters.modeling.tokenizer import ChatTokenizer


def greedy(model: Any, tokenizer: ChatTokenizer, prompts: Sequence[Sequence[int]], max_new_tokens: int) -> list[Answer]:
    """One greedy answer a prompt, computed as one batch padded on the left.

    Args:
        model: a causal language model in eval mode.
        tokenizer: its tokenizer.
        prompts: token ids.
        max_new_tokens: where an answer is cut.
    """
    ids, mask = _left_padded(prompts, tokenizer.pad_id)
    import torch

    with torch.inference_mode():
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            eos_token_id=sorted(tokenizer.stop_ids),
            pad_token_id=tokenizer.pad_id,
        )
    return [_answer(tokenizer, row) for row in out[:, ids.shape[1] :].tolist()]


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
