"""``add-tokens``: add tokens to the vocabulary; inserted if the run file has ``add_tokens``."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports import Compressor, StageContext


@options
class AddTokensOptions:
    """Options of `AddTokensCompressor`."""

    tokens: tuple[str, ...] = option(help="Texts that become one token each.")


class AddTokensCompressor(Compressor):
    """Adds tokens before any other stage, so that all later ones know them."""

    def __init__(self, options: AddTokensOptions) -> None:
        self._tokens = options.tokens

    def supports(self, shape: ModelShape) -> Verdict:
        twice = sorted({token for token in self._tokens if self._tokens.count(token) > 1})
        if twice or not all(self._tokens):
            return Verdict((f"add_tokens: empty, or given twice: {', '.join(map(repr, twice)) or repr('')}",))
        return Verdict()

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from ftctl_adapters.modeling.extend import TOKENIZER, extend

        extend(Path(model.path), context.out, self._tokens)
        tokenizer = hashlib.sha256((context.out / TOKENIZER).read_bytes()).hexdigest()
        return Draft("model", HF, model.facts | {"tokenizer": tokenizer})
