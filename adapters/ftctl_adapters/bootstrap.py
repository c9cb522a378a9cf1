"""Composition root: connect adapters to ports."""

import os
from pathlib import Path
from typing import Any

from ftctl.application.app import App
from ftctl.errors import UsageError
from ftctl.plugin.registry import Registry


def build_registry() -> Registry:
    """Build the registry, as ``FTCTL_PLUGINS``, ``FTCTL_NO_PLUGINS`` and ``FTCTL_STRICT_PLUGINS`` ask for.

    ``FTCTL_PLUGIN_SECONDS`` is how long the manifest of one plugin may take.
    """
    only, without = (
        frozenset(filter(None, os.environ.get(name, "").split(","))) for name in ("FTCTL_PLUGINS", "FTCTL_NO_PLUGINS")
    )
    patience = os.environ.get("FTCTL_PLUGIN_SECONDS", "10")
    if not patience.isdecimal() or patience == "0":
        raise UsageError(f"FTCTL_PLUGIN_SECONDS must be a whole number of seconds, not {patience!r}")
    return Registry(
        only=only, without=without, strict=os.environ.get("FTCTL_STRICT_PLUGINS") == "1", seconds=float(patience)
    )


def build_app(workspace: Path, *, inline: bool = False, cold: bool = False, **replaced: Any) -> App:
    """Return the application over this workspace.

    Args:
        workspace: the folder of runs and artifacts.
        inline: run jobs in this process.
        cold: start each job's process anew instead of forking it from one that has imported what it needs.
        replaced: ports to use instead of ours.
    """
    from ftctl.private_workspace import private_workspace
    from ftctl_adapters.config.dump import dump_yaml
    from ftctl_adapters.environments.local import LocalEnvironments
    from ftctl_adapters.modeling.intake import LocalModelIntake
    from ftctl_adapters.process.clock import SystemClock
    from ftctl_adapters.process.inline_runner import InlineRunner
    from ftctl_adapters.process.server_runner import LocalServerRunner
    from ftctl_adapters.process.starter import ProcessStarter
    from ftctl_adapters.process.worker_runner import WorkerRunner
    from ftctl_adapters.report.run_report import FileRunReport
    from ftctl_adapters.store.artifact_store import DiskArtifactStore
    from ftctl_adapters.store.run_journal import DiskRunJournals

    workspace = private_workspace(workspace)
    store, starter = DiskArtifactStore(workspace), ProcessStarter(warm=not cold)
    ports: dict[str, Any] = {
        "registry": build_registry(),
        "store": store,
        "journals": DiskRunJournals(workspace),
        "jobs": InlineRunner() if inline else WorkerRunner(starter),
        "servers": LocalServerRunner(starter),
        "intake": LocalModelIntake(),
        "environments": LocalEnvironments(workspace),
        "report": FileRunReport(store),
        "clock": SystemClock(),
        "dump": dump_yaml,
    }
    return App(workspace=workspace, **(ports | replaced))
