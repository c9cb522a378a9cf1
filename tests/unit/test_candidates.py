"""Which rows are compared at all: beside datasketch with the same parameters, over planted pairs."""

import json
from pathlib import Path

import pytest

from ftctl.domain import Example
from ftctl_adapters.dedup.near_duplicates import like_pairs
from ftctl_plugins.data_operators.dedup_near import DedupNear, DedupNearOptions
from tests.bench.dedup import plant, shingled

datasketch = pytest.importorskip("datasketch")

BANDS, VALUES = 32, 4


def ours(texts: list[str], folder: Path) -> set[frozenset[int]]:
    keys = folder / "keys"
    keys.write_bytes(DedupNear(DedupNearOptions(bands=BANDS)).keys([Example("", text=text) for text in texts]))
    found = (like_pairs(keys, BANDS, 0.0, band) for band in range(BANDS))
    return {frozenset(map(int, pair)) for one, other in found for pair in zip(one, other, strict=True)}


def theirs(texts: list[str]) -> set[frozenset[int]]:
    index = datasketch.MinHashLSH(num_perm=BANDS * VALUES, params=(BANDS, VALUES))
    found = set()
    for place, text in enumerate(texts):
        one = datasketch.MinHash(num_perm=BANDS * VALUES)
        one.update_batch([shingle.encode() for shingle in shingled(text)])
        found |= {frozenset((place, other)) for other in index.query(one)}
        index.insert(place, one)
    return found


def test_planted_pairs_are_candidates_here_as_they_are_there(tmp_path: Path) -> None:
    plant(tmp_path / "texts", 3000, chinese=False)
    rows = [json.loads(line) for line in (tmp_path / "texts").read_text(encoding="utf-8").splitlines()]
    texts = [text for text, _ in rows]
    planted = [frozenset((place, source)) for place, (_, source) in enumerate(rows) if source >= 0]
    here, there = ours(texts, tmp_path), theirs(texts)
    assert len(planted) > 250
    agreed = sum((pair in here) == (pair in there) for pair in planted)
    assert agreed >= 0.97 * len(planted)
    assert sum(pair in here for pair in planted) >= 0.97 * len(planted)
