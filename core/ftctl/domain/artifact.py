"""Artifacts: immutable folders that stages pass on, and their manifests."""

from typing import Any

from attrs import field, frozen

from ftctl.domain.codec import digest, to_plain
from ftctl.domain.format import ENDPOINT, LOSSLESS
from ftctl.domain.launch import Endpoint


@frozen
class FileEntry:
    """A file of an artifact: relative POSIX path, size in bytes, SHA-256."""

    path: str
    size: int
    sha256: str


@frozen
class Lineage:
    """Provenance of an artifact: enough to reproduce it."""

    stage: str = ""
    plugin: str = ""
    version: str = ""
    options: dict[str, Any] = field(factory=dict)
    inputs: dict[str, str] = field(factory=dict)
    seed: int = 0
    packages: dict[str, str] = field(factory=dict)


@frozen
class Draft:
    """An artifact before it is committed; its files lie in ``context.out``.

    ``facts`` are small JSON values derived from the content that other stages need, e.g. ``max_length``.
    """

    kind: str
    format: str
    facts: dict[str, Any] = field(factory=dict)


@frozen
class Manifest:
    """Table of contents of an artifact; a folder without a valid one does not count as an artifact."""

    kind: str
    format: str
    files: tuple[FileEntry, ...]
    facts: dict[str, Any] = field(factory=dict)
    lineage: Lineage = field(factory=Lineage)
    schema: int = 1

    @property
    def digest(self) -> str:
        """Return the identity of the content: kind, format, files and facts."""
        return digest([self.kind, self.format, sorted(self.files, key=lambda entry: entry.path), self.facts])


@frozen
class Artifact:
    """A committed artifact as plugins see it: a read-only folder.

    ``base`` is the model that an adapter belongs to.
    """

    kind: str
    format: str
    digest: str
    path: str
    facts: dict[str, Any] = field(factory=dict)
    base: "Artifact | None" = None

    @property
    def exact(self) -> bool:
        """Return True if greedy answers must equal those of the tuned model."""
        return self.format in LOSSLESS and "compression" not in self.facts

    @property
    def id(self) -> str:
        """Return ``kind/`` and the first twelve digits of the digest."""
        return f"{self.kind}/{self.digest[:12]}"


def served_model(endpoint: Endpoint, model: Artifact | None = None) -> Artifact:
    """Return an artifact that stands for the model behind a server, with folder and base where they are known."""
    path, base = (model.path, model.base) if model else ("", None)
    return Artifact("model", ENDPOINT, digest(endpoint), path, to_plain(endpoint), base)
