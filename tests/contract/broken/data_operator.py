"""Operators of the data stage."""

import contextlib
import io
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

import pytest
from attrs import evolve

from ftctl.domain.example import Example
from ftctl.domain.outcome import Dropped, Fate, Outcome
from ftctl.plugin import DEDUPLICATES, DERIVES, MASKS, SEALS, SPLITS
from ftctl.ports.context import StageContext
from ftctl.testing.contracts import DataOperatorContract
from ftctl.testing.fakes.data_operator import (
    FakeDataOperator,
    FakeDataOperatorOptions,
    FakeMaker,
    FakeSeal,
    FakeSetOperator,
    FakeSplit,
    Turning,
    turned,
)
from tests.contract.broken.base import Broken

FAKES = "ftctl.testing.fakes.data_operator"


class Step(Broken, DataOperatorContract):
    pass


class Changed(FakeDataOperator):
    """The fake, what it says of each row changed."""

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        return [self.changed(row) for row in super().process(rows, context)]  # type: ignore[arg-type]

    def changed(self, row: Example) -> Any:
        return row


class Confused(Changed):
    def changed(self, row: Example) -> Any:
        return Fate() if row.text else row


class LastOut(FakeDataOperator):
    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        found = list(super().process(rows, context))
        return [*found[:-1], Dropped("filtered", "the last of its batch")] if len(found) > 1 else found


class Counting(FakeSetOperator):
    """Its keys are numbers of the batch."""

    def keys(self, rows: Sequence[Example]) -> bytes:
        return b"".join(bytes([place]) * self.width for place in range(len(rows)))


class Stuck(FakeDataOperator):
    def __init__(self, options: FakeDataOperatorOptions) -> None:
        super().__init__(options)
        self._says = lambda row: row


class Scribbling(Changed):
    def changed(self, row: Example) -> Any:
        row.metadata["seen"] = True
        return row


class Moving(Changed):
    def changed(self, row: Example) -> Any:
        return evolve(row, where=f"cleaned {row.where}")


class Silent(Changed):
    def changed(self, row: Example) -> Any:
        return Dropped("filtered", "")


class Delicate(Changed):
    def changed(self, row: Example) -> Any:
        assert "\u2028" not in row.prompt.question
        return row


class Pairing(Changed):
    def changed(self, row: Example) -> Any:
        return evolve(row, metadata={"pair": (1, 2)})


class Making(FakeDataOperator):
    derives: ClassVar[bool] = True


class Calling(FakeDataOperator):
    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.connect(("192.0.2.1", 9))
        return super().process(rows, context)


class Lenient(FakeSetOperator):
    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        yield from (Fate() for _ in super().decide(keys, context))


class Unheard(FakeSplit):
    def place(self, key: str, context: StageContext) -> str:
        return "dev"


class Test_it_says_something_of_every_row(Step):
    kind = "Confused"


class Test_it_says_the_same_however_rows_are_batched(Step):
    kind = "LastOut"


class Test_it_says_the_same_however_rows_are_batched__keys(Step):
    kind = "Counting"
    change: ClassVar[dict[str, Any]] = {"options": f"{FAKES}:FakeSetOperatorOptions"}


class Test_it_can_be_carried_to_another_process(Step):
    kind = "Stuck"


class Test_rows_are_only_read(Step):
    kind = "Scribbling"


class Test_a_row_stays_where_it_was_read(Step):
    kind = "Moving"


class Test_what_it_drops_has_a_state_and_a_reason(Step):
    kind = "Silent"


class Test_any_text_is_survived(Step):
    kind = "Delicate"


class Test_what_goes_on_survives_json(Step):
    kind = "Pairing"


class Test_what_it_is_is_declared(Step):
    kind = "Making"


class Test_no_other_machine_is_asked(Step):
    kind = "Calling"


class Test_of_equal_rows_one_goes_on(Step):
    kind = "Lenient"
    change: ClassVar[dict[str, Any]] = {
        "options": f"{FAKES}:FakeSetOperatorOptions",
        "capabilities": (DEDUPLICATES,),
    }


class Test_a_split_depends_on_the_key_alone(Step):
    kind = "Unheard"
    change: ClassVar[dict[str, Any]] = {"options": f"{FAKES}:FakeSplitOptions", "capabilities": (SPLITS,)}


class Barren(FakeMaker):
    pass


class Test_it_makes_rows(Step):
    kind = "Barren"
    change: ClassVar[dict[str, Any]] = {"options": f"{FAKES}:FakeMakerOptions", "capabilities": (DERIVES,)}

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"made": 0}


class Careless(FakeDataOperator):
    masks: ClassVar[bool] = True


class Test_private_values_are_gone(Step):
    kind = "Careless"
    change: ClassVar[dict[str, Any]] = {"capabilities": (MASKS,)}


class Seal(Step):
    change: ClassVar[dict[str, Any]] = {"options": f"{FAKES}:FakeSealOptions", "capabilities": (SEALS,)}


class Readable(Turning):
    """Puts the plain text in front."""

    def close(self) -> None:
        if not self.closed:
            plain = turned(bytes(self._content))
            self._content[:0] = turned(b"%08d" % len(plain)) + plain
        super().close()


class Transparent(FakeSeal):
    def sealing(self, file: BinaryIO) -> BinaryIO:
        return cast("BinaryIO", Readable(file))

    def opening(self, file: BinaryIO) -> BinaryIO:
        content = super().opening(file).read()
        return io.BytesIO(content[8 + int(content[:8]) :])


class Test_what_is_encrypted_cannot_be_read(Seal):
    kind = "Transparent"


class Salted(FakeSeal):
    def sealing(self, file: BinaryIO) -> BinaryIO:
        made = super().sealing(file)
        made.write(os.urandom(16))
        return made

    def opening(self, file: BinaryIO) -> BinaryIO:
        return io.BytesIO(super().opening(file).read()[16:])


class Test_the_same_content_becomes_the_same_bytes(Seal):
    kind = "Salted"


class Credulous(FakeSeal):
    def opening(self, file: BinaryIO) -> BinaryIO:
        with file:
            return io.BytesIO(turned(file.read()[:-4]))


class Test_what_was_changed_is_refused(Seal):
    kind = "Credulous"
