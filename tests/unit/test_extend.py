"""New tokens: what they begin as, and that everything else about the model stays."""

from pathlib import Path

import pytest

from ftctl.domain.resources import ModelShape
from ftctl.ports.compressor import CompressorError
from ftctl_adapters.modeling.auxiliary_files import take_along
from ftctl_adapters.modeling.extend import extend
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.save import save_model
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_plugins.compressors.add_tokens import AddTokensCompressor, AddTokensOptions

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy

TINY = Path(BUILTIN["builtin:tiny"])
NEW = ("<think>", "</think>")


@pytest.fixture
def untied(tmp_path: Path) -> Path:
    """The tiny model with a head of its own, and room for one token more than its tokenizer has."""
    folder = tmp_path / "untied"
    model = load_base(str(TINY), None)
    model.config.tie_word_embeddings = False
    torch.manual_seed(3)
    model.lm_head = torch.nn.Linear(model.config.hidden_size, model.config.vocab_size, bias=False, dtype=model.dtype)
    save_model(model, folder)
    take_along(TINY, folder)
    return folder


def test_new_tokens_begin_as_the_mean_of_their_pieces(tmp_path: Path) -> None:
    before, pieces = load_base(str(TINY), None), [ChatTokenizer(str(TINY)).encode(token) for token in NEW]
    assert all(len(found) > 1 for found in pieces)
    extend(TINY, tmp_path, NEW)
    after, tokenizer = load_base(str(tmp_path), None), ChatTokenizer(str(tmp_path))
    old, new = before.get_input_embeddings().weight, after.get_input_embeddings().weight
    for token, found in zip(NEW, pieces, strict=True):
        (number,) = tokenizer.encode(token)
        assert torch.equal(new[number], old[found].float().mean(0).to(old.dtype))
    count = ChatTokenizer(str(TINY)).raw.vocab_size
    assert torch.equal(new[:count], old[:count])
    assert after.config.vocab_size == len(new) == after.get_output_embeddings().weight.shape[0]
    assert (tmp_path / "chat_template.jinja").read_bytes() == (TINY / "chat_template.jinja").read_bytes()


def test_a_head_of_its_own_gets_them_too(tmp_path: Path, untied: Path) -> None:
    before, pieces = load_base(str(untied), None), ChatTokenizer(str(TINY)).encode(NEW[0])
    assert before.get_output_embeddings().weight.data_ptr() != before.get_input_embeddings().weight.data_ptr()
    extend(untied, tmp_path / "out", NEW)
    after = load_base(str(tmp_path / "out"), None)
    (number,) = ChatTokenizer(str(tmp_path / "out")).encode(NEW[0])
    for way in ("get_input_embeddings", "get_output_embeddings"):
        old, new = getattr(before, way)().weight, getattr(after, way)().weight
        assert torch.equal(new[number], old[pieces].float().mean(0).to(old.dtype))


def test_other_text_means_what_it_meant(tmp_path: Path) -> None:
    extend(TINY, tmp_path, NEW)
    old, new = ChatTokenizer(str(TINY)), ChatTokenizer(str(tmp_path))
    text = "def f(x): return x < think > 2"
    assert new.encode(text) == old.encode(text)
    assert new.decode(new.encode(f"{NEW[0]}a{NEW[1]}b")) == f"{NEW[0]}a{NEW[1]}b", "they are words, not control tokens"
    batch = torch.tensor([old.encode(text)])
    count = old.raw.vocab_size
    with torch.inference_mode():
        logits = [load_base(str(folder), None)(input_ids=batch).logits[..., :count] for folder in (TINY, tmp_path)]
    assert torch.equal(*logits)


def test_a_token_that_is_there_or_given_twice_is_refused(tmp_path: Path) -> None:
    extend(TINY, tmp_path / "once", NEW)
    with pytest.raises(CompressorError, match="the vocabulary has '<think>'"):
        extend(tmp_path / "once", tmp_path / "twice", NEW)
    shape = ModelShape("x", 1, 1, 1, 1, 1, 1, "float32")
    refused = AddTokensCompressor(AddTokensOptions(tokens=("a", "a"))).supports(shape)
    assert "given twice: 'a'" in refused.reasons[0]
    assert AddTokensCompressor(AddTokensOptions(tokens=NEW)).supports(shape).reasons == ()
