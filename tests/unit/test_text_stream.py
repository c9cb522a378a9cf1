"""From tokens to text: whole characters, and never a stop text."""

import pytest

from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.serving.onnx.text import TextStream

pytestmark = pytest.mark.heavy
TOKENIZER = ChatTokenizer(str(BUILTIN["builtin:tiny"]))


def pieces(text: str, *stops: str) -> tuple[list[str], TextStream]:
    stream = TextStream(TOKENIZER.raw, stops)
    found = [stream.add(token) for token in TOKENIZER.encode(text) if not stream.stopped]
    return [*found, stream.end()], stream


@pytest.mark.parametrize("text", ["Hello there, you.", "é ß 😀 你好,世界", "a\n\n  b\t", "naïve café"])
def test_pieces_are_whole_characters_and_together_the_text(text: str) -> None:
    found, stream = pieces(text)
    assert "".join(found) == text
    assert "\ufffd" not in "".join(found)
    assert not stream.stopped


def test_a_character_comes_when_its_last_byte_does() -> None:
    ids = TOKENIZER.encode("😀")
    assert len(ids) > 1, "the tiny tokenizer spells it in bytes"
    stream = TextStream(TOKENIZER.raw, ())
    assert [stream.add(token) for token in ids] == [""] * (len(ids) - 1) + ["😀"]


def test_a_stop_text_ends_the_answer_before_itself_even_across_tokens() -> None:
    found, stream = pieces("one two STOP three", "STOP", "three")
    assert "".join(found) == "one two "
    assert stream.stopped
    assert all("S" not in piece for piece in found), "its beginning was held back"


def test_what_only_looked_like_a_stop_text_is_shown() -> None:
    found, stream = pieces("one two STO", "STOP")
    assert "".join(found) == "one two STO"
    assert not stream.stopped
    assert "".join(pieces("STOSTOP", "STOP")[0]) == "STO"


def test_bytes_that_are_no_character_do_not_end_the_answer() -> None:
    """As the tokenizers of Llama 2 and Mistral have them, whose decoder gives up at the first such byte."""
    from tokenizers import Tokenizer, decoders, models

    words = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"▁and": 256, "▁on": 257}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[], byte_fallback=True))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])

    class Raw:
        backend_tokenizer = tokenizer

    stream = TextStream(Raw(), ())
    said = "".join(stream.add(token) for token in (256, 0xFF, 0xC3, 256, 0xE4, 257, 257)) + stream.end()
    assert said.startswith(" and")
    assert said.endswith(" on on")
