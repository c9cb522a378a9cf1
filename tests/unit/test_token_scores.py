"""Log-probabilities from logits in numpy, against torch."""

import numpy as np
import pytest
import torch

from ftctl_adapters.modeling.token_scores import ROWS, token_scores
from ftctl_adapters.serving.onnx.scorer import Scored

WORDS = dict(enumerate("abcdefg"))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_they_are_those_of_a_softmax_in_float64(dtype: type) -> None:
    drawn = np.random.default_rng(1)
    logits = (drawn.normal(size=(2 * ROWS + 3, 50)) * 8 + 300).astype(dtype)
    wanted = drawn.integers(0, 50, len(logits))
    found = token_scores(logits, wanted, 4)
    whole = torch.log_softmax(torch.from_numpy(logits.astype(np.float64)), -1)
    best = whole.topk(4)
    np.testing.assert_allclose(
        found.log_probabilities, whole[torch.arange(len(wanted)), torch.from_numpy(wanted)], atol=1e-12
    )
    np.testing.assert_allclose(found.theirs, best.values, atol=1e-12)
    np.testing.assert_array_equal(np.take_along_axis(logits, found.likeliest, 1).argmax(1), 0)


def test_a_completion_tells_them_token_by_token() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]))
    told = Scored((0, 1, 2), 1, token_scores(logits, [1, 2], 1)).document(
        lambda ids: "".join(WORDS[one] for one in ids)
    )
    assert told["tokens"] == ["a", "b", "c"]
    assert told["text_offset"] == [0, 1, 2]
    assert told["token_logprobs"] == [None, pytest.approx(np.log(0.25)), pytest.approx(np.log(0.7))]
    assert told["top_logprobs"] == [None, {"a": pytest.approx(np.log(0.5))}, {"c": pytest.approx(np.log(0.7))}]


def test_of_tokens_that_are_one_text_the_likeliest_is_told() -> None:
    logits = np.log(np.array([[0.2, 0.5, 0.3]]))
    told = Scored((0, 1), 0, token_scores(logits, [1], 20)).document(lambda ids: "?")
    assert told["top_logprobs"] == [None, {"?": pytest.approx(np.log(0.5))}]


def test_of_one_token_alone_nothing_is_known() -> None:
    told = Scored((0,), 0, token_scores(np.zeros((0, 3)), [], 0)).document(lambda ids: WORDS[ids[0]])
    assert told == {"tokens": ["a"], "token_logprobs": [None], "top_logprobs": None, "text_offset": [0]}
