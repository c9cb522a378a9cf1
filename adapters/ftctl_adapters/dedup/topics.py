"""Cluster texts by their words, and name the clusters."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ftctl_adapters.dedup.shingles import shingles

SKETCH = 64
"""Numbers that a text's words are kept in."""

NAMED_BY = 3
WORDS = re.compile(r"[^\W\d_]{3,}|[\u4e00-\u9fff]{2}")


def sketches(texts: Sequence[str]) -> Any:
    """Return signed feature hashes of each text's words in 64 places, normalised, (texts, 64) float32."""
    hashes, counts = shingles(texts, 1)
    found = np.zeros((len(texts), SKETCH), np.float32)
    owner = np.repeat(np.arange(len(texts)), counts)
    signs = np.where(hashes >> np.uint64(63), 1.0, -1.0).astype(np.float32)
    np.add.at(found, (owner, (hashes % np.uint64(SKETCH)).astype(np.int64)), signs)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def topics(sketched: Any, count: int, seed: int) -> Any:
    """Return each text's cluster, int64, by k-means over sketches; one cluster for few texts."""
    if len(sketched) <= count:
        return np.zeros(len(sketched), np.int64)
    from sklearn.cluster import MiniBatchKMeans

    means = MiniBatchKMeans(count, random_state=seed, n_init=3)
    return means.fit_predict(np.ascontiguousarray(sketched)).astype(np.int64)


def names(texts: Sequence[str], clusters: Sequence[int]) -> list[str]:
    """Name each text's cluster by the words that more of its texts have than others do."""
    within: dict[int, Counter[str]] = {}
    sizes, everywhere = Counter(clusters), Counter[str]()
    for text, cluster in zip(texts, clusters, strict=True):
        words = {word.casefold() for word in WORDS.findall(text)}
        within.setdefault(cluster, Counter()).update(words)
        everywhere.update(words)
    told = {}
    for cluster, counted in within.items():
        rest = max(len(texts) - sizes[cluster], 1)
        surplus = {word: count / sizes[cluster] - (everywhere[word] - count) / rest for word, count in counted.items()}
        best = sorted(surplus, key=lambda word: (-surplus[word], word))[:NAMED_BY]
        told[cluster] = f"{cluster + 1} {' '.join(best)}".strip()
    return [told[cluster] for cluster in clusters]
