"""A tokenizer that programs read in different ways is refused, and none that comes along is."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from ftctl.errors import ModelMismatch
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.tokenizer_check import refuse_other_tokenizer


def test_the_built_in_tokenizer_is_read_in_one_way() -> None:
    folder = str(BUILTIN["builtin:tiny"])
    refuse_other_tokenizer(folder, AutoTokenizer.from_pretrained(folder))


def test_a_tokenizer_that_transformers_makes_otherwise_is_refused(tmp_path: Path) -> None:
    shutil.copytree(BUILTIN["builtin:tiny"], tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    path = tmp_path / "model" / "tokenizer.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document |= {"normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False,
                                                       "trim_offsets": True, "use_regex": True}}  # fmt: skip
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(
        ModelMismatch, match="'12345 678, 3.14 and 1/2' is 20 tokens by .*Qwen2Tokenizer, 16 by tokenizer.json"
    ):
        refuse_other_tokenizer(str(path.parent), AutoTokenizer.from_pretrained(str(path.parent)))
