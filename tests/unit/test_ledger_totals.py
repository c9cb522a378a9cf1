"""A ledger's totals: every source row is counted once, and every kept row is in a split."""

import pytest

from ftctl.domain.ledger import KEPT, LedgerEntry, LedgerTotals, State
from ftctl.errors import FtctlError


def counted(*states: State) -> LedgerTotals:
    totals = LedgerTotals()
    for number, state in enumerate(states):
        totals.add(LedgerEntry(number, f"r:{number}", state, split="train" if state == KEPT else ""))
    return totals


def test_totals_that_add_up_pass() -> None:
    counted(KEPT, "filtered", KEPT).check(3)


@pytest.mark.parametrize("rows_read", [2, 4])
def test_a_row_too_many_or_too_few_is_found(rows_read: int) -> None:
    with pytest.raises(FtctlError, match=f"ledger does not add up: {rows_read} rows read"):
        counted(KEPT, "filtered", KEPT).check(rows_read)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_kept_row_in_no_split_or_in_two_is_found(change: int) -> None:
    totals = counted(KEPT, KEPT)
    totals.splits["train"] += change
    with pytest.raises(FtctlError, match="does not add up"):
        totals.check(2)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_state_that_was_lost_is_found(change: int) -> None:
    totals = counted("filtered", "filtered")
    totals.states["filtered"] += change
    with pytest.raises(FtctlError, match="does not add up"):
        totals.check(2)
