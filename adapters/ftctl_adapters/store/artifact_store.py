"""Store artifacts as content-addressed folders below ``.ftctl/artifacts``."""

import json
from collections.abc import Iterator
from pathlib import Path

from cattrs import BaseValidationError

from ftctl.domain.artifact import Artifact, Draft, Lineage, Manifest
from ftctl.domain.codec import digest, from_plain, to_plain
from ftctl.domain.names import is_digest, is_name
from ftctl.errors import ArtifactCorrupt
from ftctl.ports.artifact_store import ArtifactStore
from ftctl_adapters.store.commit import MANIFEST, commit_folder, entries, write_file

CHECK = "sha256"
"""Key of a stage's record: the digest of all else in it."""


class DiskArtifactStore(ArtifactStore):
    """``artifacts/<kind>/<digest>/``, ``cache/<key>.json`` for which stage made what, ``tags/<kind>/<name>``."""

    def __init__(self, root: Path) -> None:
        self._artifacts, self._cache, self._tags = root / "artifacts", root / "cache", root / "tags"

    def commit(self, folder: Path, draft: Draft, lineage: Lineage) -> Artifact:
        (folder / MANIFEST).unlink(missing_ok=True)
        manifest = Manifest(draft.kind, draft.format, entries(folder), draft.facts, lineage)
        commit_folder(folder, self._place(draft.kind, manifest.digest), to_plain(manifest))
        return self.open(draft.kind, manifest.digest)

    def open(self, kind: str, digest: str) -> Artifact:
        place = self._place(kind, digest)
        manifest = self._manifest(place)
        if manifest.digest != digest or manifest.kind != kind:
            raise ArtifactCorrupt(f"{place}: the manifest is that of another artifact", next_step=_REMEDY)
        return Artifact(kind, manifest.format, digest, str(place), manifest.facts)

    def verify(self, artifact: Artifact) -> None:
        place = Path(artifact.path)
        known = {entry.path: entry for entry in self._manifest(place).files}
        there = {entry.path: entry for entry in entries(place) if entry.path != MANIFEST}
        for path in sorted(known.keys() | there.keys()):
            if path not in there:
                raise ArtifactCorrupt(f"{artifact.id}: {path} is missing in {place}", next_step=_REMEDY)
            if path not in known:
                raise ArtifactCorrupt(f"{artifact.id}: {path} is not listed in the manifest", next_step=_REMEDY)
            if known[path].size != there[path].size:
                sizes = f"{known[path].size} bytes expected, {there[path].size} found (truncated?)"
                raise ArtifactCorrupt(f"{artifact.id}: {path}: {sizes}", next_step=_REMEDY)
            if known[path].sha256 != there[path].sha256:
                raise ArtifactCorrupt(f"{artifact.id}: {path} differs from its SHA-256", next_step=_REMEDY)

    def remember(self, key: str, record: dict[str, object]) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        plain = json.loads(json.dumps(record))
        write_file(self._cache / f"{key}.json", json.dumps(plain | {CHECK: digest(plain)}, ensure_ascii=False))

    def recall(self, key: str) -> dict[str, object] | None:
        """Return a record only if it is what was written, and its artifact is there."""
        try:
            record = json.loads((self._cache / f"{key}.json").read_text(encoding="utf-8"))
            check = record.pop(CHECK, None)  # earlier versions wrote none
            whole = check in (None, digest(record))
            self.open(record["kind"], record["digest"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ArtifactCorrupt):
            return None
        return dict(record) if whole else None

    def tag(self, kind: str, name: str, digest: str) -> None:
        self.open(kind, digest)
        (self._tags / kind).mkdir(parents=True, exist_ok=True)
        write_file(self._tags / kind / name, digest)

    def tags(self, kind: str) -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in sorted((self._tags / kind).glob("*"))
                if is_name(path.name)}  # fmt: skip

    def artifacts(self) -> list[Artifact]:
        return [found for found in self._all() if isinstance(found, Artifact)]

    def damaged(self) -> list[ArtifactCorrupt]:
        return [found for found in self._all() if isinstance(found, ArtifactCorrupt)]

    def _all(self) -> Iterator[Artifact | ArtifactCorrupt]:
        for folder in sorted(self._artifacts.glob("*/*")):
            if is_name(folder.parent.name) and is_digest(folder.name):
                try:
                    yield self.open(folder.parent.name, folder.name)
                except ArtifactCorrupt as error:
                    yield error

    def _place(self, kind: str, digest: str) -> Path:
        if not is_name(kind) or not is_digest(digest):
            raise ArtifactCorrupt(f"{kind}/{digest} is not the name of an artifact")
        return self._artifacts / kind / digest

    def _manifest(self, place: Path) -> Manifest:
        try:
            return from_plain(json.loads((place / MANIFEST).read_text(encoding="utf-8")), Manifest)
        except (OSError, ValueError, KeyError, BaseValidationError) as error:
            raise ArtifactCorrupt(f"{place} holds no valid manifest: {error}", next_step=_REMEDY) from error


_REMEDY = "remove that folder and run the same command again"
