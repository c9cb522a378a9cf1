"""The ports that use cases need, as `bootstrap` builds them and tests replace them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.plugin.registry import Registry
from ftctl.ports.artifact_store import ArtifactStore
from ftctl.ports.clock import Clock
from ftctl.ports.environments import Environments
from ftctl.ports.job_runner import JobRunner
from ftctl.ports.model_intake import ModelIntake
from ftctl.ports.run_journal import RunJournals
from ftctl.ports.run_report import RunReport
from ftctl.ports.server_runner import ServerRunner


@frozen(kw_only=True)
class App:
    """The ports of the application; ``dump`` writes a run file."""

    workspace: Path
    registry: Registry
    store: ArtifactStore
    journals: RunJournals
    jobs: JobRunner
    servers: ServerRunner
    intake: ModelIntake
    environments: Environments
    report: RunReport
    clock: Clock
    dump: Callable[[dict[str, Any]], str]
