"""Add tokens to a model's vocabulary."""

from collections.abc import Sequence
from pathlib import Path

from ftctl.ports.compressor import CompressorError
from ftctl_adapters.modeling.auxiliary_files import take_along
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.save import save_model

TOKENIZER = "tokenizer.json"


def extend(folder: Path, out: Path, tokens: Sequence[str]) -> None:
    """Write the model with the tokens added to its vocabulary; nothing else changes.

    The rows of a new token, in the embedding and in a head of its own, begin as the mean of the rows of the pieces
    that stood for it before (Hewitt, Initializing New Word Embeddings for Pretrained Language Models, 2021, takes the
    mean of all). Rows that the model has beyond its tokenizer are used before more are made.

    Raises:
        CompressorError: the model has no ``tokenizer.json``, or knows a token already.
    """
    import torch
    from tokenizers import AddedToken, Tokenizer

    if not (folder / TOKENIZER).exists():
        raise CompressorError(f"add_tokens: the model has no {TOKENIZER}, so its vocabulary cannot grow")
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    known = [token for token in tokens if tokenizer.token_to_id(token) is not None]
    if known:
        raise CompressorError(f"add_tokens: the vocabulary has {', '.join(map(repr, known))}", next_step="leave it out")
    pieces = {token: tokenizer.encode(token, add_special_tokens=False).ids for token in tokens}
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in tokens])
    ids: dict[str, int] = {token: tokenizer.token_to_id(token) or 0 for token in tokens}
    model = load_base(str(folder), None)
    if max(ids.values()) >= model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(max(ids.values()) + 1, mean_resizing=False)
    tables = {id(layer.weight): layer.weight for layer in (model.get_input_embeddings(), model.get_output_embeddings())}
    with torch.no_grad():
        for table in tables.values():
            for token in tokens:
                table[ids[token]] = table[pieces[token]].float().mean(0).to(table.dtype)
    save_model(model, out)
    take_along(folder, out)
    tokenizer.save(str(out / TOKENIZER))
