"""``pydoc``: read the documentation of the running Python, which every machine has."""

import platform
from collections.abc import Iterator

from ftctl.domain.event import DATA_DESCRIBED
from ftctl.domain.example import Example, Message, Rejection
from ftctl.plugin import option, options
from ftctl.ports import DataSource, StageContext

TASKS = ("signature", "summary", "text")


@options
class PydocOptions:
    """Options of `PydocSource`."""

    task: str = option(
        "signature",
        help="signature: a callable's signature → its parameter names as a JSON list; summary: signature → the first "
        "sentence of its docstring; text: paragraphs of documentation.",
        choices=TASKS,
    )
    limit: int | None = option(None, help="Take only this many examples.", ge=1)


class PydocSource(DataSource):
    """Reads the standard library's documentation, deterministic for one Python version and platform."""

    def __init__(self, options: PydocOptions) -> None:
        self._options = options

    def fingerprint(self) -> str:
        return (
            f"{platform.python_implementation()} {platform.python_version()} {platform.system()} {platform.machine()}"
        )

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        from ftctl_adapters.records.stdlib_docs import callables, paragraphs

        context.emit(DATA_DESCRIBED, task=self._options.task, python=self.fingerprint())
        if self._options.task == "text":
            found = (Example(where, text=text) for where, text in paragraphs())
        else:
            task = _signature if self._options.task == "signature" else _summary
            found = (example for item in callables() if (example := task(*item)))
        for number, example in enumerate(found):
            if number == self._options.limit:
                return
            yield example


def _signature(where: str, signature: str, parameters: list[str], _doc: str) -> Example | None:
    if not 1 <= len(parameters) <= 6:
        return None
    answer = "[" + ", ".join(f'"{name}"' for name in parameters) + "]"
    return Example(where, (Message("user", signature), Message("assistant", answer)), group=signature)


def _summary(where: str, signature: str, _parameters: list[str], doc: str) -> Example | None:
    sentence = doc.strip().split("\n\n")[0].replace("\n", " ").strip()
    if not 20 <= len(sentence) <= 200:
        return None
    return Example(where, (Message("user", f"What does {signature} do?"), Message("assistant", sentence)))
