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

MANIFEST = "manifest.json"


@options
class FakeCompressorOptions:
    """Options of `FakeCompressor`."""

    output: str = option(HF, help="The format it produces.")
    refuses: bool = option(False, help="Refuse every model.")


class FakeCompressor(Compressor):
    """Copies its input, and adds to the text of it."""

    def __init__(self, options: FakeCompressorOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict(("refused on purpose",) if self._options.refuses else ())

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        for source in sorted(path for path in Path(model.path).iterdir() if path.name != MANIFEST):
            change = f" {self._options.output}".encode() if source.suffix == ".txt" else b""
            (context.out / source.name).write_bytes(source.read_bytes() + change)
        return Draft("model", self._options.output, {"files": ["weights.txt"]})


@options
class FakeExtenderOptions:
    """Options of `FakeExtender`."""

    tokens: tuple[str, ...] = option(help="Tokens to add.")


class FakeExtender(FakeCompressor):
    """Stands for what gives a model further tokens."""

    def __init__(self, options: FakeExtenderOptions) -> None:
        super().__init__(FakeCompressorOptions(output=HF, refuses=False))
