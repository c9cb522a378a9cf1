"""Order and learning rate are pure functions."""

import pytest
from attrs import fields_dict
from hypothesis import given
from hypothesis import strategies as st

from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.sample_order import epoch_steps, spread
from ftctl_adapters.training.schedule import learning_rate, warmup_steps

LENGTHS = st.lists(st.integers(1, 99), min_size=1, max_size=300)


@given(LENGTHS, st.integers(1, 9), st.integers(1, 4), st.integers(0, 9), st.integers(0, 3))
def test_every_row_is_seen_once_an_epoch(lengths: list[int], size: int, together: int, seed: int, epoch: int) -> None:
    steps = epoch_steps(lengths, size, together, seed, epoch)
    assert sorted(row for step in steps for batch in step for row in batch) == list(range(len(lengths)))
    assert all(len(batch) <= size for step in steps for batch in step)
    assert all(len(step) <= together for step in steps)
    assert steps == epoch_steps(lengths, size, together, seed, epoch)


@given(LENGTHS, st.sampled_from([1, 2, 3, 4, 6, 12]), st.integers(0, 9))
def test_a_step_has_the_same_rows_however_it_is_divided(lengths: list[int], size: int, seed: int) -> None:
    whole = [batch for (batch,) in epoch_steps(lengths, 12, 1, seed, 0)]
    divided = epoch_steps(lengths, size, 12 // size, seed, 0)
    assert [[row for batch in step for row in batch] for step in divided] == whole


def test_epochs_and_seeds_differ_and_batches_are_of_like_length() -> None:
    lengths = [n % 100 + 1 for n in range(2000)]
    first = epoch_steps(lengths, 10, 2, 1, 0)
    assert first != epoch_steps(lengths, 10, 2, 1, 1) != epoch_steps(lengths, 10, 2, 2, 1)
    batches = [batch for step in first for batch in step]
    padding = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches) / sum(lengths)
    assert padding < 1.1


@given(LENGTHS, st.integers(1, 9), st.integers(1, 4))
def test_an_epoch_begins_with_its_longest_row(lengths: list[int], size: int, together: int) -> None:
    steps = epoch_steps(lengths, size, together, 1, 0)
    costs = [len(step) and max(len(batch) * max(lengths[row] for row in batch) for batch in step) for step in steps]
    assert max(costs[:2]) == max(costs)
    assert lengths[steps[0][0][0]] == max(lengths)


@given(st.integers(0, 200), st.integers(1, 9), st.integers(1, 20))
def test_rows_are_spread_over_all_batches_but_the_first(others: int, size: int, count: int) -> None:
    rows = list(range(size + others))
    found = spread([[rows[start : start + size]] for start in range(0, len(rows), size)], count)
    assert len(found) == len(set(found)) == min(count, len(rows))
    if others >= count:
        gaps = [after - before for before, after in zip([size - 1, *found], [*found, len(rows)], strict=True)]
        assert min(found) >= size
        assert max(gaps) <= others / count + 1, "no part of the epoch is left out"


def test_the_rate_rises_from_0_then_falls() -> None:
    rates = [learning_rate(1.0, "cosine", step, 100, 10) for step in range(100)]
    assert rates[:11] == [n / 10 for n in range(11)]
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert learning_rate(1.0, "linear", 55, 100, 10) == 0.5
    assert learning_rate(1.0, "constant", 99, 100, 0) == 1.0


def test_a_constant_rate_has_no_warm_up() -> None:
    assert warmup_steps(TrainingOptions(lr_scheduler_type="constant", warmup_ratio=0.5), 10) == 0
    assert warmup_steps(TrainingOptions(lr_scheduler_type="constant_with_warmup", warmup_ratio=0.5), 9) == 5
    assert warmup_steps(TrainingOptions(warmup_steps=3, warmup_ratio=0.5), 9) == 3


@pytest.mark.heavy
@pytest.mark.parametrize(("warmup", "total"), [(0, 7), (1, 7), (3, 7), (7, 7)])
@pytest.mark.parametrize("kind", fields_dict(TrainingOptions)["lr_scheduler_type"].metadata["choices"])
def test_every_schedule_is_that_of_transformers_step_by_step(kind: str, warmup: int, total: int) -> None:
    import torch
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
    theirs = get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    rates = []
    for _ in range(total):
        rates.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    ours = warmup_steps(TrainingOptions(lr_scheduler_type=kind, warmup_steps=warmup, warmup_ratio=0.0), total)
    assert [learning_rate(3e-4, kind, step, total, ours) for step in range(total)] == pytest.approx(rates, rel=1e-12)
