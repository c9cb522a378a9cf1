"""Store of artifacts: complete and verified, or absent."""

from abc import ABC, abstractmethod
from pathlib import Path

from ftctl.domain.artifact import Artifact, Draft, Lineage


class ArtifactStore(ABC):
    """Commits drafts, opens artifacts, and remembers which stage key made which."""

    @abstractmethod
    def commit(self, folder: Path, draft: Draft, lineage: Lineage) -> Artifact:
        """Makes the files of ``folder`` an artifact in one step that a crash cannot halve; consumes the folder.

        Raises:
            DiskFull: nothing was committed.
        """

    @abstractmethod
    def open(self, kind: str, digest: str) -> Artifact:
        """The artifact by its digest.

        Raises:
            ArtifactCorrupt: it is absent, or its manifest is not valid.
        """

    @abstractmethod
    def verify(self, artifact: Artifact) -> None:
        """Hashes every file.

        Raises:
            ArtifactCorrupt: a file is missing, foreign, of another size or of another hash.
        """

    @abstractmethod
    def remember(self, key: str, record: dict[str, object]) -> None:
        """Stores what the stage of this key produced."""

    @abstractmethod
    def recall(self, key: str) -> dict[str, object] | None:
        """Return the document that `remember` stored, or ``None``."""

    @abstractmethod
    def tag(self, kind: str, name: str, digest: str) -> None:
        """Lets the name mean the artifact from now on, whatever it meant before.

        Raises:
            ArtifactCorrupt: there is no such artifact.
        """

    @abstractmethod
    def tags(self, kind: str) -> dict[str, str]:
        """Digests by the names that were given to artifacts of this kind."""

    @abstractmethod
    def artifacts(self) -> list[Artifact]:
        """Every artifact whose manifest is valid."""
