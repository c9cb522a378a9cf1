"""A compressor that halves nothing and refuses on request."""

from collections.abc import Sequence
from pathlib import Path

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports.compressor import Compressor
from ftctl.ports.context import StageContext


@options
class FakeCompressorOptions:
    output: str = option(HF, help="The format it produces.")
    refuses: bool = option(False, help="Whether it can take no model at all.")


class FakeCompressor(Compressor):
    """Copies the text of its input."""

    def __init__(self, options: FakeCompressorOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict(("refused on purpose",) if self._options.refuses else ())

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        for source in sorted(Path(model.path).glob("*.txt")):
            (context.out / source.name).write_text(source.read_text() + f" {self._options.output}")
        return Draft("model", self._options.output, {"files": ["weights.txt"]})


@options
class FakeExtenderOptions:
    tokens: tuple[str, ...] = option(help="What it adds.")


class FakeExtender(FakeCompressor):
    """Stands for what gives a model further tokens."""

    def __init__(self, options: FakeExtenderOptions) -> None:
        super().__init__(FakeCompressorOptions(output=HF, refuses=False))
