"""Rows that are longer than a model's context: each token is scored once, behind half a context at least."""

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.encoded import IGNORED, Encoded
from ftctl.domain.example import Example, Message
from ftctl.domain.format import HF
from ftctl.errors import BackendFailed
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.target import LoadedTarget
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.modeling.windows import windows

TINY = str(BUILTIN["builtin:tiny"])


@pytest.mark.parametrize("length", [2, 3, 7, 8, 64, 99, 100, None])
@pytest.mark.parametrize("count", [1, 8, 9, 100])
def test_every_token_is_scored_once_whatever_the_window(count: int, length: int | None) -> None:
    """And so a model without a memory has the same perplexity for all of them."""
    row = Encoded("w:1", tuple(range(count)), tuple(range(count)))
    pieces = windows(row, length)
    scored = [label for piece in pieces for label in piece.labels[1:] if label != IGNORED]
    assert scored == list(range(1, count)) or (count == 1 and len(pieces) == 1)
    for number, piece in enumerate(pieces):
        assert len(piece.ids) == len(piece.labels)
        assert length is None or len(piece.ids) <= length
        before = next((place for place, label in enumerate(piece.labels) if label != IGNORED), 0)
        assert number == 0 or before >= length // 2  # type: ignore[operator]
        assert all(label in (IGNORED, token) for token, label in zip(piece.ids, piece.labels, strict=True))


def test_pieces_without_a_trained_token_are_left_out() -> None:
    labels = (*[IGNORED] * 20, 20, 21)
    assert [piece.labels for piece in windows(Encoded("w:1", tuple(range(22)), labels), 8)] == [
        (*[IGNORED] * 6, 20, 21)
    ]


@pytest.mark.heavy
def test_a_long_text_is_scored_in_windows_and_a_long_conversation_is_refused() -> None:
    pytest.importorskip("torch")
    tokenizer = ChatTokenizer(TINY)
    model = load_whole(Artifact("model", HF, "", TINY)).float()
    text = "The river runs past seven old mills, and nobody counts them. " * 12
    whole = LoadedTarget(model, tokenizer).score([Example("w:1", (), text)])[0]
    model.config.max_position_embeddings = 64
    short = LoadedTarget(model, tokenizer)
    found = short.score([Example("w:1", (), text)])[0]
    assert (found.tokens, found.characters) == (whole.tokens, whole.characters)
    assert found.tokens > 128
    assert found.log_probability == pytest.approx(whole.log_probability, rel=0.5)
    assert found.log_probability != whole.log_probability
    asked = Example("w:2", (Message("user", text), Message("assistant", "So.")))
    with pytest.raises(BackendFailed, match=r"w:2: .* tokens are more than the model's context of 64"):
        short.score([asked])
