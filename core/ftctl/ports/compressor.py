"""Port: compressors turn a model into a smaller or exported one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.errors import BackendError
from ftctl.ports.context import StageContext


class CompressorError(BackendError):
    """The compressor could not do its work."""

    code = "compressor"


class Compressor(ABC):
    """Compressor; constructed with its options alone, its module imports no heavy package."""

    @abstractmethod
    def supports(self, shape: ModelShape) -> Verdict:
        """Return whether this model can be compressed; called while the run is planned, before heavy work."""

    @abstractmethod
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        """Write the transformed model to ``context.out``; the input folder is read-only.

        Raises:
            CompressorError: the backend failed.
        """
