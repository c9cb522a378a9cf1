"""Hash texts into shingles: word 3-grams, or character 3-grams without spaces between words."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

TOKENS = 3
"""Of a shingle. Of five Chinese characters a tenth that was changed would leave less than half of all shingles."""

CHINESE_SHARE = 0.2
"""From this share of such characters on, a text is taken character by character."""

BASE = np.uint64(0x9E3779B97F4A7C15)
INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
WRAPPED = np.uint64

_SPACELESS = ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
"""Kana and Chinese characters, whose words are not divided by spaces."""

_BETWEEN = ((0x0, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0xBF), (0x2000, 0x206F), (0x3000, 0x303F),
            (0xFE30, 0xFE4F), (0xFF00, 0xFF0F), (0xFF1A, 0xFF20), (0xFF3B, 0xFF40), (0xFF5B, 0xFF65))  # fmt: skip
"""What stands between tokens: spaces and punctuation."""

Array = Any
"""A numpy array."""


def shingles(texts: Sequence[str], tokens: int = TOKENS, mixed: bool = False) -> tuple[Array, Array]:
    """Return the hashes of all shingles, text after text.

    A text shorter than a shingle has one, of all it has; one without letters has none.

    Args:
        texts: in any language.
        tokens: of a shingle.
        mixed: whether a character that is written without spaces is a token in every text, and not only where such
            characters are many.

    Returns:
        Hashes (uint64), and for each text how many of them are its own (int64).
    """
    lowered = [text.casefold() for text in texts]
    lengths = np.array([len(text) for text in lowered], np.int64)
    points = np.frombuffer("".join(lowered).encode("utf-32-le", "surrogatepass"), np.uint32)
    owner = np.repeat(np.arange(len(texts)), lengths)
    spaceless = _within(points, _SPACELESS)
    by_character = np.bincount(owner, spaceless, len(texts)) > CHINESE_SHARE * np.maximum(lengths, 1)
    token_hash, token_owner = _tokens(points, owner, by_character[owner] | (spaceless & mixed))
    return _windows(token_hash, token_owner, len(texts), tokens)


def _within(points: Array, ranges: Sequence[tuple[int, int]]) -> Array:
    found = np.zeros(len(points), bool)
    for low, high in ranges:
        found |= (points >= low) & (points <= high)
    return found


def _tokens(points: Array, owner: Array, alone: Array) -> tuple[Array, Array]:
    """Return hash and text of each token; words are hashed by sums of powers, vectorised."""
    inside = ~_within(points, _BETWEEN)
    before = np.empty_like(inside)
    # a word ends where a character that is one by itself begins
    before[:1], before[1:] = False, inside[:-1] & (owner[1:] == owner[:-1]) & ~alone[:-1]
    after = np.empty_like(inside)
    after[-1:], after[:-1] = False, inside[1:] & (owner[1:] == owner[:-1]) & ~alone[1:]
    starts = np.flatnonzero(inside & (alone | ~before))
    ends = np.flatnonzero(inside & (alone | ~after)) + 1
    if not len(starts):
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    # hashes must not depend on where in the batch a text stands: powers are undone at the beginning of each word
    powers = _powers(BASE, len(points))
    sums = np.concatenate(([WRAPPED(0)], np.cumsum((points.astype(np.uint64) + WRAPPED(1)) * powers, dtype=np.uint64)))
    words = (sums[ends] - sums[starts]) * _powers(INVERSE, len(points))[starts]
    return _mixed(words), owner[starts]


def _powers(base: np.uint64, count: int) -> Array:
    """Return the first ``count`` powers of the base, modulo 2^64."""
    return _at_least(base, 1 << (count - 1).bit_length())[:count]


@lru_cache(maxsize=4)
def _at_least(base: np.uint64, count: int) -> Array:
    found = np.empty(max(count, 1), np.uint64)
    found[0] = 1
    done = 1
    while done < len(found):
        take = min(done, len(found) - done)
        # of one element: scalars would warn of the overflow that is meant
        step = found[done - 1 : done] * base
        found[done : done + take] = found[:take] * step
        done += take
    return found


def _windows(hashes: Array, owner: Array, texts: int, tokens: int) -> tuple[Array, Array]:
    per_text = np.bincount(owner, minlength=texts)
    counts = np.where(per_text == 0, 0, np.maximum(per_text - tokens + 1, 1))
    firsts = np.cumsum(per_text) - per_text
    starts = np.repeat(firsts - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    window, last = np.repeat(np.minimum(tokens, per_text), counts), len(hashes) - 1
    found = np.zeros(len(starts), np.uint64)
    for place in range(tokens):
        taken = hashes[np.minimum(starts + place, last)] if last >= 0 else found
        found = np.where(place < window, _mixed(found + taken), found)
    return found, counts


def _mixed(value: Array) -> Array:
    """Mix the bits of each hash (finaliser of splitmix64, Steele et al., 2014)."""
    value = (value ^ (value >> WRAPPED(30))) * WRAPPED(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> WRAPPED(27))) * WRAPPED(0x94D049BB133111EB)
    return value ^ (value >> WRAPPED(31))
