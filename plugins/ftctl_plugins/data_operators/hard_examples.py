"""``hard-examples``: keep the rows on which a model and its compressed form differ most, for calibration."""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from cattrs import BaseValidationError

from ftctl.domain import Artifact, Example, Fate
from ftctl.domain.artifact import Manifest
from ftctl.domain.codec import from_plain
from ftctl.plugin import option, options
from ftctl.ports import DataOperatorError, SetOperator, StageContext, Target

FOLDER_HELP = "Folder of a model's artifact, as in `.ftctl/artifacts/model/…`"


@options
class HardExamplesOptions:
    """Options of `HardExamples`."""

    model: str = option(help=f"{FOLDER_HELP}: the original.", location=True)
    compressed: str = option(help=f"{FOLDER_HELP}: what was made of it.", location=True)
    keep: int = option(256, help="Number of rows to keep; compressors calibrate on 256 at most.", ge=1)


class HardExamples(SetOperator):
    """Ranks rows by the difference of the answer's log-probability, in nats a token; each is scored alone."""

    width: ClassVar[int] = 8

    def __init__(self, options: HardExamplesOptions) -> None:
        self._options = options

    def fingerprint(self) -> str:
        return f"{self._artifact('model').digest}{self._artifact('compressed').digest}"

    def _artifact(self, role: str) -> Artifact:
        """Return the artifact in a folder.

        Raises:
            DataOperatorError: there is none.
        """
        folder = Path(getattr(self._options, role))
        try:
            manifest = from_plain(json.loads((folder / "manifest.json").read_text(encoding="utf-8")), Manifest)
        except (OSError, ValueError, KeyError, BaseValidationError) as error:
            text = f"hard-examples: {folder} holds no artifact"
            raise DataOperatorError(text, next_step=f"check data_steps[…].{role}") from error
        return Artifact(manifest.kind, manifest.format, manifest.digest, str(folder), manifest.facts)

    @cached_property
    def _targets(self) -> tuple[Target, Target]:
        from ftctl_adapters.modeling.load import load_whole
        from ftctl_adapters.modeling.target import LoadedTarget
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        both = [self._artifact(role) for role in ("model", "compressed")]
        one, other = (LoadedTarget(load_whole(model), ChatTokenizer.of(model)) for model in both)
        return one, other

    def keys(self, rows: Sequence[Example]) -> bytes:
        import numpy as np

        return np.array([self._difference(row) for row in rows], np.float64).tobytes()

    def _difference(self, row: Example) -> float:
        (one,), (other,) = (target.score([row]) for target in self._targets)
        return abs(one.log_probability - other.log_probability) / max(one.tokens, 1)

    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        import numpy as np

        apart: Any = np.fromfile(keys, np.float64)
        hardest = np.argsort(-apart, kind="stable")[: self._options.keep]
        stays = np.zeros(len(apart), bool)
        stays[hardest] = True
        for difference, kept in zip(apart.tolist(), stays.tolist(), strict=True):
            yield Fate() if kept else Fate("filtered", f"both agree to {difference:.4f} nats a token")
