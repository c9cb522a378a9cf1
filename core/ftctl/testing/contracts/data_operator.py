"""Contract of operators of the data stage."""

import copy
import io
import json
from collections.abc import Callable, Sequence
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message
from ftctl.domain.outcome import DROPPED, Derived, Dropped, Fate, Outcome
from ftctl.domain.split import SPLITS as NAMES
from ftctl.errors import DataError
from ftctl.plugin.capabilities import DEDUPLICATES, DERIVES, MASKS, NETWORK, SEALS, SPLITS
from ftctl.plugin.offer import Offer
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, RowOperator, SealOperator, SetOperator, SplitOperator
from ftctl.testing.contracts.base import capability
from ftctl.testing.contracts.data_source import TEXTS
from ftctl.testing.contracts.network_guard import only_loopback
from ftctl.testing.contracts.offer import OfferContract, make
from ftctl.testing.contracts.stage import recording
from ftctl.testing.samples import phrases

MEMORY = 32 << 20


class DataOperatorContract(OfferContract, contract=True):
    """Contract of operators; ``rows`` are its input, ``private`` the values that a masking operator must find."""

    port: ClassVar[str] = "data_operator"
    base: ClassVar[type] = DataOperator

    @pytest.fixture
    def rows(self) -> list[Example]:
        """Conversations, and one text."""
        return [*phrases()[:20], Example("text:1", text="Good morning to everybody who reads this sentence.")]

    @pytest.fixture
    def private(self) -> tuple[str, ...]:
        """Values that must not come out of an operator that masks."""
        return ("anna.schmidt@example.org", "4111 1111 1111 1111")

    @pytest.fixture
    def context(self, tmp_path: Path) -> StageContext:
        """Context of a stage that records its events."""
        return recording(tmp_path, data_seed=7, memory_bytes=MEMORY)

    @pytest.fixture
    def outcomes(self, made: DataOperator, context: StageContext) -> Callable[[Sequence[Example]], list[Any]]:
        """Function from rows to an outcome, a fate or a split for each."""
        return lambda rows: judged(made, rows, context)

    @pytest.fixture
    def used(self, outcomes: Any, rows: list[Example]) -> Callable[[], object]:
        """Function that judges the rows."""
        return lambda: outcomes(rows)

    def test_it_says_something_of_every_row(self, made: DataOperator, rows: list[Example], outcomes: Any) -> None:
        kind: Any = str if isinstance(made, SplitOperator) else Fate if isinstance(made, SetOperator) else Outcome
        found = outcomes(rows)
        assert len(found) == len(rows)
        assert all(isinstance(one, kind) for one in found), f"it must tell of {kind}"

    def test_it_says_the_same_however_rows_are_batched(
        self, found: Offer, values: dict[str, Any], made: DataOperator, rows: list[Example], context: StageContext,
        outcomes: Any,
    ) -> None:  # fmt: skip
        if isinstance(made, SetOperator):
            assert made.keys(rows) == b"".join(made.keys([row]) for row in rows), "a key depends on other rows"
            return
        whole, other = outcomes(rows), make(found, values)
        assert [one for row in rows for one in judged(other, [row], context)] == whole

    def test_it_can_be_carried_to_another_process(
        self, made: DataOperator, rows: list[Example], context: StageContext, outcomes: Any
    ) -> None:
        try:
            carried = ForkingPickler.loads(ForkingPickler.dumps(made))
        except Exception as error:
            pytest.fail(f"it cannot be pickled: {error}")
        assert judged(carried, rows, context) == outcomes(rows)

    def test_rows_are_only_read(self, rows: list[Example], outcomes: Any) -> None:
        before = copy.deepcopy(rows)
        outcomes(rows)
        assert rows == before

    def test_a_row_stays_where_it_was_read(self, made: DataOperator, rows: list[Example], outcomes: Any) -> None:
        """Check that place and group of a row stay: people and splits find rows by them."""
        if not isinstance(made, RowOperator):
            pytest.skip("it changes no row")
        rows = [evolve(row, group=f"g{n}") for n, row in enumerate(rows)]
        for row, one in zip(rows, outcomes(rows), strict=True):
            after = one.example if isinstance(one, Derived) else one
            assert not isinstance(after, Example) or (after.where, after.group) == (row.where, row.group)

    def test_what_it_drops_has_a_state_and_a_reason(self, rows: list[Example], outcomes: Any) -> None:
        told = outcomes([*rows, *rows])
        for one in told:
            first = getattr(one, "first", None)
            assert first is None or 0 <= first < len(told), f"row {first} is not there"
            state = getattr(one, "state", "")
            assert not state or (state in DROPPED and one.reason)

    def test_any_text_is_survived(self, outcomes: Any) -> None:
        asked = [Example(f"a:{n}", (Message("user", text), Message("assistant", text))) for n, text in enumerate(TEXTS)]
        assert len(outcomes(asked)) == len(asked)

    def test_what_goes_on_survives_json(self, rows: list[Example], outcomes: Any) -> None:
        for one in outcomes(rows):
            parts = (one.example, *one.made) if isinstance(one, Derived) else (one,)
            for row in (part for part in parts if isinstance(part, Example)):
                assert Example.from_row(json.loads(json.dumps(row.to_row()))) == row

    def test_what_it_is_is_declared(self, found: Offer, made: DataOperator) -> None:
        """Check that capabilities are declared, since the order of steps is checked by them."""
        assert (SPLITS in found.capabilities) == isinstance(made, SplitOperator)
        assert (SEALS in found.capabilities) == isinstance(made, SealOperator)
        assert (DERIVES in found.capabilities) == (isinstance(made, RowOperator) and made.derives)
        assert (MASKS in found.capabilities) == (isinstance(made, RowOperator) and made.masks)

    def test_no_other_machine_is_asked(
        self, found: Offer, rows: list[Example], outcomes: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if NETWORK in found.capabilities:
            pytest.skip("it declares that it uses the network")
        only_loopback(monkeypatch)
        outcomes(rows)

    @capability(DEDUPLICATES)
    def test_of_equal_rows_one_goes_on(self, rows: list[Example], outcomes: Any) -> None:
        alone, twice = (sum(not one.state for one in outcomes(given)) for given in (rows, [*rows, *rows]))
        assert twice == alone, "what repeats a row goes on"

    @capability(SPLITS)
    def test_a_split_depends_on_the_key_alone(self, made: SplitOperator, context: StageContext) -> None:
        keys = [f"key {n}" for n in range(100)]
        first = [made.place(key, context) for key in keys]
        assert [made.place(key, context) for key in reversed(keys)] == first[::-1]
        assert set(first) <= set(NAMES)

    @capability(DERIVES)
    def test_it_makes_rows(self, rows: list[Example], outcomes: Any) -> None:
        assert [one for one in outcomes(rows) if isinstance(one, Derived) and one.made], "it made none of these"

    @capability(MASKS)
    def test_private_values_are_gone(self, private: tuple[str, ...], outcomes: Any) -> None:
        asked = [Example(f"p:{n}", (Message("user", f"I am {value}"), Message("assistant", f"{value}, hello.")),
                         metadata={"note": f"was {value}."}) for n, value in enumerate(private)]  # fmt: skip
        told = [str(one.reason if isinstance(one, Dropped) else one) for one in outcomes(asked)]
        assert not [value for value, text in zip(private, told, strict=True) if value in text]

    @capability(SEALS)
    def test_what_is_encrypted_cannot_be_read(self, made: SealOperator, rows: list[Example], tmp_path: Path) -> None:
        plain, sealed = lines(rows), sealed_file(made, lines(rows), tmp_path / "a").read_bytes()
        assert not [word for word in set(plain.split()) if len(word) > 5 and word in sealed]

    @capability(SEALS)
    def test_the_same_content_becomes_the_same_bytes(
        self, found: Offer, values: dict[str, Any], tmp_path: Path
    ) -> None:
        """Check that equal content gives equal bytes, since a data set is named by its content."""
        one, other = (sealed_file(make(found, values), b"the same " * 50_000, tmp_path / name) for name in "ab")
        assert one.read_bytes() == other.read_bytes()

    @capability(SEALS)
    def test_what_was_changed_is_refused(self, made: SealOperator, rows: list[Example], tmp_path: Path) -> None:
        file = sealed_file(made, lines(rows), tmp_path / "a")
        content = file.read_bytes()
        for place in range(0, len(content), max(1, len(content) // 20)):
            file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            refused(made, file)
        for size in (0, 1, len(content) // 2, len(content) - 1):
            file.write_bytes(content[:size])
            refused(made, file)


def lines(rows: Sequence[Example]) -> bytes:
    """Return the rows as lines of a split."""
    return "".join(json.dumps(row.to_row(), ensure_ascii=False) + "\n" for row in rows).encode()


def sealed_file(operator: SealOperator, content: bytes, path: Path) -> Path:
    """Return a file with the content, encrypted."""
    with operator.sealing(path.open("wb")) as file:
        for start in range(0, len(content), 1000):
            file.write(content[start : start + 1000])
    return path


def refused(operator: SealOperator, path: Path) -> None:
    """Assert that the file cannot be read."""
    with pytest.raises(DataError), operator.opening(path.open("rb")) as file:
        file.read()


def judged(operator: DataOperator, rows: Sequence[Example], context: StageContext) -> list[Any]:
    """Return the decisions of an operator of any kind; for one that encrypts, the rows read back."""
    if isinstance(operator, RowOperator):
        return list(operator.process(rows, context))
    if isinstance(operator, SplitOperator):
        return [operator.place(row.group or row.content_digest, context) for row in rows]
    if isinstance(operator, SealOperator):
        sealed = sealed_file(operator, lines(rows), context.work / "sealed")
        with operator.opening(sealed.open("rb")) as back:
            return [Example.from_row(json.loads(line)) for line in io.TextIOWrapper(back, "utf-8")]
    assert isinstance(operator, SetOperator)
    keys = operator.keys(rows)
    assert len(keys) == operator.width * len(rows), f"keys must be {operator.width} bytes for each row"
    file = context.work / "keys"
    file.write_bytes(keys)
    return list(operator.decide(file, context))
