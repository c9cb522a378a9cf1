"""Order and learning rate are pure functions."""

from hypothesis import given
from hypothesis import strategies as st

from ftctl_adapters.training.sample_order import epoch_batches, grouped, spread
from ftctl_adapters.training.schedule import learning_rate


@given(st.lists(st.integers(1, 99), min_size=1, max_size=300), st.integers(1, 17), st.integers(0, 9), st.integers(0, 3))
def test_every_row_is_seen_once_an_epoch(lengths: list[int], size: int, seed: int, epoch: int) -> None:
    batches = epoch_batches(lengths, size, seed, epoch)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) <= size for batch in batches)
    assert batches == epoch_batches(lengths, size, seed, epoch)


def test_epochs_and_seeds_differ_and_batches_are_of_like_length() -> None:
    lengths = [n % 100 + 1 for n in range(2000)]
    assert epoch_batches(lengths, 10, 1, 0) != epoch_batches(lengths, 10, 1, 1) != epoch_batches(lengths, 10, 2, 1)
    batches = epoch_batches(lengths, 10, 1, 0)
    padding = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches) / sum(lengths)
    assert padding < 1.1


def test_groups_keep_the_order() -> None:
    assert grouped([[1], [2], [3]], 2) == [[[1], [2]], [[3]]]


@given(st.integers(0, 200), st.integers(1, 9), st.integers(1, 20))
def test_rows_are_spread_over_all_batches_but_the_first(others: int, size: int, count: int) -> None:
    rows = list(range(size + others))
    found = spread([rows[start : start + size] for start in range(0, len(rows), size)], count)
    assert len(found) == len(set(found)) == min(count, len(rows))
    if others >= count:
        gaps = [after - before for before, after in zip([size - 1, *found], [*found, len(rows)], strict=True)]
        assert min(found) >= size
        assert max(gaps) <= others / count + 1, "no part of the epoch is left out"


def test_the_rate_rises_then_falls() -> None:
    rates = [learning_rate(1.0, "cosine", step, 100, 10) for step in range(100)]
    assert rates[:10] == [n / 10 for n in range(1, 11)]
    assert rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert learning_rate(1.0, "linear", 55, 100, 10) == 0.5
    assert learning_rate(1.0, "constant", 99, 100, 0) == 1.0
