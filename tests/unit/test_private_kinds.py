"""Many values of each kind, planted in English and Chinese beside numbers that only look like some."""

from collections import Counter

import pytest

pytest.importorskip("stdnum")


def test_what_is_planted_is_found_and_hardly_anything_else() -> None:
    from tests.bench.pii import ours, planted, quality

    lines = planted(1000)
    counts = Counter(kind for _, values in lines for kind, _ in values)
    assert len(counts) == 8
    assert min(counts.values()) >= 30
    recall, _, precision = quality(ours, lines)
    assert recall == 1.0
    assert precision >= 0.98
