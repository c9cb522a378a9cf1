"""An artifact store in a folder, without flushing: fast, and it can be told to be full."""

import hashlib
import shutil
from pathlib import Path

from attrs import define, field

from ftctl.domain.artifact import Artifact, Draft, FileEntry, Lineage, Manifest
from ftctl.errors import ArtifactCorrupt, DiskFull
from ftctl.ports.artifact_store import ArtifactStore


@define
class FakeArtifactStore(ArtifactStore):
    """``full_after`` commits it raises `DiskFull`; ``verified`` lists the digests that were checked."""

    root: Path
    full_after: int | None = None
    manifests: dict[str, Manifest] = field(factory=dict)
    records: dict[str, dict[str, object]] = field(factory=dict)
    verified: list[str] = field(factory=list)
    named: dict[str, dict[str, str]] = field(factory=dict)

    def commit(self, folder: Path, draft: Draft, lineage: Lineage) -> Artifact:
        if self.full_after is not None and len(self.manifests) >= self.full_after:
            raise DiskFull("no space left on this fake")
        manifest = Manifest(draft.kind, draft.format, _entries(folder), draft.facts, lineage)
        target = self.root / draft.kind / manifest.digest
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
        self.manifests[manifest.digest] = manifest
        return self.open(draft.kind, manifest.digest)

    def open(self, kind: str, digest: str) -> Artifact:
        manifest = self.manifests.get(digest)
        if manifest is None or manifest.kind != kind:
            raise ArtifactCorrupt(f"no {kind}/{digest} in this fake")
        return Artifact(kind, manifest.format, digest, str(self.root / kind / digest), manifest.facts)

    def verify(self, artifact: Artifact) -> None:
        if _entries(Path(artifact.path)) != self.manifests[artifact.digest].files:
            raise ArtifactCorrupt(f"{artifact.id} differs")
        self.verified.append(artifact.digest)

    def remember(self, key: str, record: dict[str, object]) -> None:
        self.records[key] = record

    def recall(self, key: str) -> dict[str, object] | None:
        return self.records.get(key)

    def tag(self, kind: str, name: str, digest: str) -> None:
        self.open(kind, digest)
        self.named.setdefault(kind, {})[name] = digest

    def tags(self, kind: str) -> dict[str, str]:
        return dict(self.named.get(kind, {}))

    def artifacts(self) -> list[Artifact]:
        return [self.open(manifest.kind, digest) for digest, manifest in self.manifests.items()]

    def damaged(self) -> list[ArtifactCorrupt]:
        return []


def _entries(folder: Path) -> tuple[FileEntry, ...]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(
        FileEntry(p.relative_to(folder).as_posix(), p.stat().st_size, hashlib.sha256(p.read_bytes()).hexdigest())
        for p in files
    )
