"""Store of artifacts: complete and verified, or absent."""

from abc import ABC, abstractmethod
from pathlib import Path

from ftctl.domain.artifact import Artifact, Draft, Lineage
from ftctl.errors import ArtifactCorrupt


class ArtifactStore(ABC):
    """Store that commits drafts, opens artifacts, and maps stage keys to results."""

    @abstractmethod
    def commit(self, folder: Path, draft: Draft, lineage: Lineage) -> Artifact:
        """Commit the files of ``folder`` as an artifact, atomically; consumes the folder.

        Raises:
            DiskFull: nothing was committed.
        """

    @abstractmethod
    def open(self, kind: str, digest: str) -> Artifact:
        """Return the artifact with this digest.

        Raises:
            ArtifactCorrupt: it is absent, or its manifest is not valid.
        """

    @abstractmethod
    def verify(self, artifact: Artifact) -> None:
        """Verify the hash of every file.

        Raises:
            ArtifactCorrupt: a file is missing, foreign, of another size or of another hash.
        """

    @abstractmethod
    def remember(self, key: str, record: dict[str, object]) -> None:
        """Store the result of the stage with this key."""

    @abstractmethod
    def recall(self, key: str) -> dict[str, object] | None:
        """Return the document that `remember` stored, or ``None``."""

    @abstractmethod
    def tag(self, kind: str, name: str, digest: str) -> None:
        """Point the tag at the artifact, replacing any earlier target.

        Raises:
            ArtifactCorrupt: there is no such artifact.
        """

    @abstractmethod
    def tags(self, kind: str) -> dict[str, str]:
        """Return digests by tag, for artifacts of this kind."""

    @abstractmethod
    def artifacts(self) -> list[Artifact]:
        """Return all artifacts with a valid manifest."""

    @abstractmethod
    def damaged(self) -> list[ArtifactCorrupt]:
        """Return an error for each stored folder without a valid manifest, which `artifacts` leaves out."""
