"""A data source of numbered questions."""

from collections.abc import Iterator

from ftctl.domain.example import Example, Message, Rejection
from ftctl.plugin import option, options
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSource


@options
class FakeDataSourceOptions:
    """Options of `FakeDataSource`."""

    rows: int = option(50, help="Number of rows.", ge=0)
    bad_every: int = option(0, help="Every so many rows one is rejected; 0: none.", ge=0)
    twin_every: int = option(0, help="Every so many rows one repeats the first; 0: none.", ge=0)
    texts: tuple[str, ...] = option((), help="Texts of the rows, instead of numbers.")
    groups: int = option(0, help="Number of groups; 0: none.", ge=0)


class FakeDataSource(DataSource):
    """Row n asks for n doubled."""

    def __init__(self, options: FakeDataSourceOptions) -> None:
        self._options = options

    def fingerprint(self) -> str:
        return "fake"

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        asked = self._options
        for number, text in enumerate(asked.texts, 1):
            yield Example(f"text:{number}", text=text)
        if asked.texts:
            return
        for number in range(1, asked.rows + 1):
            where = f"fake:{number}"
            if asked.bad_every and number % asked.bad_every == 0:
                yield Rejection(where, "bad on purpose")
                continue
            shown = 1 if asked.twin_every and number % asked.twin_every == 0 else number
            turns = (Message("user", f"double {shown}"), Message("assistant", str(2 * shown)))
            yield Example(where, turns, group=f"g{number % asked.groups}" if asked.groups else "")
