"""Job: one stage call as JSON, run by ``ftctl.worker`` in the interpreter of its backend."""

from typing import Any

from attrs import field, frozen

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.launch import Endpoint
from ftctl.domain.metric import Metric


@frozen
class PluginRef:
    """A backend: its import paths (``package.module:attribute``) and its checked options.

    ``owner`` is the distribution that brings it, with its version: whom to turn to; empty for our own.
    """

    name: str
    factory: str
    options_path: str
    options: dict[str, Any] = field(factory=dict)
    owner: str = ""

    def __str__(self) -> str:
        return f"{self.name} of {self.owner}" if self.owner else self.name


@frozen
class Job:
    """``operation`` names the use case; ``inputs`` are committed artifacts by role (``model``, ``data``).

    ``parts`` are backends of secondary ports by theirs (``loader``, ``objective``); the ``launcher`` starts the
    processes that run it.
    """

    key: str
    stage: str
    operation: str
    plugins: tuple[PluginRef, ...]
    inputs: dict[str, Artifact] = field(factory=dict)
    seed: int = 0
    settings: dict[str, Any] = field(factory=dict)
    parts: dict[str, PluginRef] = field(factory=dict)
    endpoint: Endpoint | None = None
    launcher: PluginRef | None = None


@frozen
class JobResult:
    """Result of a worker: a draft in its ``out`` folder, metrics, a summary, and what it used."""

    draft: Draft | None = None
    metrics: tuple[Metric, ...] = ()
    summary: dict[str, Any] = field(factory=dict)
    packages: dict[str, str] = field(factory=dict)
    peak_rss_bytes: int = 0
