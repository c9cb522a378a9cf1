"""Compare the tokenizer that transformers makes of a folder with its ``tokenizer.json``, which other programs read."""

from pathlib import Path
from typing import Any

from ftctl.errors import ModelMismatch

PROBES = (
    "12345 678, 3.14 and 1/2",
    " two  spaces\tand a tab\n\nlines  \n end ",
    "don't we'll I'M O'Neill's",
    "caf\u00e9 cafe\u0301 na\u00efve \u017d\u01c4 \ufb01ve",
    "\u65e5\u672c\u8a9e \u4e2d\u6587\u3002 \u0967\u0968\u0969 \u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea \U0001f600\U0001f44d\U0001f3fd",
    "def f(x):\n    return x**2  # {'a': [1, 2]} != <b>\r\n",
    "\u2581 \u00a0\u200b\ufeff \u2028",
)
"""Texts in which tokenizers differ: digits, blanks, contractions, marks, scripts, code, odd blanks."""


def refuse_other_tokenizer(folder: str, tokenizer: Any) -> None:
    """Refuse a folder whose ``tokenizer.json`` encodes a probe otherwise than its loaded tokenizer.

    Args:
        folder: of the model.
        tokenizer: a transformers tokenizer, made from this folder.

    Raises:
        ModelMismatch: with the text and the numbers of tokens.
    """
    path = Path(folder) / "tokenizer.json"
    if not path.exists():
        return
    from tokenizers import Tokenizer

    read = Tokenizer.from_file(str(path))
    for text in PROBES:
        ours = list(tokenizer(text, add_special_tokens=False)["input_ids"])
        theirs = list(read.encode(text, add_special_tokens=False).ids)
        if ours != theirs:
            counts = f"{len(ours)} tokens by transformers' {type(tokenizer).__name__}, {len(theirs)} by tokenizer.json"
            what = f"{folder}: its tokenizer is read in two ways: {text!r} is {counts}"
            step = (
                "name the class that tokenizer.json is of in tokenizer_config.json, or write it anew: "
                "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
            )
            raise ModelMismatch(what, next_step=step)
