"""Artifacts are whole or absent, whatever call fails (P2, P3, P4; FAULTS F3, F17–F19, F60)."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.artifact import Draft, Lineage
from ftctl.errors import ArtifactCorrupt, DiskFull
from ftctl_adapters.store import commit
from ftctl_adapters.store.artifact_store import DiskArtifactStore

DRAFT = Draft("model", "hf", {"max_length": 8})


@pytest.fixture
def store(tmp_path: Path) -> DiskArtifactStore:
    return DiskArtifactStore(tmp_path / "ws")


def draft_folder(tmp_path: Path, text: str = "weights") -> Path:
    folder = tmp_path / "draft"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.safetensors").write_text(text)
    (folder / "sub" / "config.json").write_text("{}")
    return folder


def test_what_is_committed_is_found_and_verified(store: DiskArtifactStore, tmp_path: Path) -> None:
    artifact = store.commit(draft_folder(tmp_path), DRAFT, Lineage("tune"))
    assert store.open("model", artifact.digest) == artifact
    store.verify(artifact)
    assert store.artifacts() == [artifact]


def test_the_digest_is_of_the_content_not_of_its_history(store: DiskArtifactStore, tmp_path: Path) -> None:
    first = store.commit(draft_folder(tmp_path), DRAFT, Lineage("tune", seed=1))
    again = store.commit(draft_folder(tmp_path), DRAFT, Lineage("tune", seed=2))
    other = store.commit(draft_folder(tmp_path, "others"), DRAFT, Lineage("tune"))
    assert again.digest == first.digest != other.digest


def damage_size(folder: Path) -> None:
    (folder / "model.safetensors").write_text("w")


def damage_bit(folder: Path) -> None:
    (folder / "model.safetensors").write_text("weightt")


def damage_missing(folder: Path) -> None:
    (folder / "sub" / "config.json").unlink()


def damage_foreign(folder: Path) -> None:
    (folder / ".hidden.mdl").write_text("x")


def damage_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"kind": "model"')


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_size, "truncated"),
        (damage_bit, "differs from its SHA-256"),
        (damage_missing, "missing"),
        (damage_foreign, "not listed"),
        (damage_manifest, "no valid manifest"),
    ],
)
def test_every_damage_is_noticed(
    store: DiskArtifactStore, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    artifact = store.commit(draft_folder(tmp_path), DRAFT, Lineage())
    damage(Path(artifact.path))
    with pytest.raises(ArtifactCorrupt, match=message):
        store.verify(artifact)


@pytest.mark.parametrize("digest", ["../" * 21 + "x", "A" * 64, "", "0" * 63])
def test_only_digests_lead_to_artifacts(store: DiskArtifactStore, digest: str) -> None:
    with pytest.raises(ArtifactCorrupt):
        store.open("model", digest)
    with pytest.raises(ArtifactCorrupt):
        store.open("../model", "0" * 64)


def test_a_record_without_its_artifact_is_no_hit(store: DiskArtifactStore, tmp_path: Path) -> None:
    artifact = store.commit(draft_folder(tmp_path), DRAFT, Lineage())
    store.remember("a" * 64, {"kind": "model", "digest": artifact.digest})
    assert store.recall("a" * 64) == {"kind": "model", "digest": artifact.digest}
    (Path(artifact.path) / "manifest.json").unlink()
    assert store.recall("a" * 64) is None


def test_a_good_copy_takes_the_place_of_a_damaged_one(store: DiskArtifactStore, tmp_path: Path) -> None:
    artifact = store.commit(draft_folder(tmp_path), DRAFT, Lineage())
    damage_bit(Path(artifact.path))
    store.verify(store.commit(draft_folder(tmp_path), DRAFT, Lineage()))
    assert [path.name for path in Path(artifact.path).parent.iterdir()] == [artifact.digest]


def test_facts_are_part_of_the_identity(store: DiskArtifactStore, tmp_path: Path) -> None:
    first = store.commit(draft_folder(tmp_path), DRAFT, Lineage())
    other = store.commit(draft_folder(tmp_path), Draft("model", "hf", {"max_length": 9}), Lineage())
    assert first.digest != other.digest


class Rigged:
    """Counts calls that change the disk and lets the n-th fail, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
        self.calls, self.nth = 0, nth
        for place, name in ((os, "fsync"), (Path, "rename"), (Path, "replace"), (Path, "mkdir")):
            monkeypatch.setattr(place, name, self.wrap(getattr(place, name)))

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls == self.nth:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **named)

        return call


def test_whichever_call_fails_nothing_halfway_is_left_and_a_second_try_succeeds(tmp_path: Path) -> None:
    failed = 0
    for nth in range(1, 40):
        place = tmp_path / str(nth)
        store, folder = DiskArtifactStore(place / "ws"), draft_folder(place)
        with pytest.MonkeyPatch.context() as patch:
            rigged = Rigged(patch, nth)
            try:
                store.commit(folder, DRAFT, Lineage())
            except DiskFull:
                failed += 1
            if rigged.calls < nth:
                break
        for artifact in store.artifacts():
            store.verify(artifact)
        again = folder if folder.exists() else draft_folder(place)
        store.verify(store.commit(again, DRAFT, Lineage()))
    assert failed >= 8


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    commit.write_file(path, "old")
    with pytest.MonkeyPatch.context() as patch:
        Rigged(patch, 1)
        with pytest.raises(DiskFull):
            commit.write_file(path, "new")
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_real_full_device_is_disk_full() -> None:
    with pytest.raises(OSError, match="No space") as caught, Path("/dev/full").open("w") as stream:
        stream.write("x" * 10)
        stream.flush()
    assert isinstance(commit.as_disk_full(caught.value, Path("/dev/full")), DiskFull)
