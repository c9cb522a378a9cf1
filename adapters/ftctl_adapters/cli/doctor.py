"""``ftctl doctor``."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from ftctl import __version__
from ftctl.application.app import App
from ftctl.errors import ArtifactCorrupt
from ftctl.plugin.registry import Registry
from ftctl_adapters.bootstrap import build_app
from ftctl_adapters.cli.options import workspace_option
from ftctl_adapters.environments.environment_folder import folder_of
from ftctl_adapters.environments.nvidia import lacking_nvidia
from ftctl_adapters.environments.recipe import recipes
from ftctl_adapters.environments.startup import startup_code

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "sacrebleu", "tensorboard", "pyarrow")
SLOW_SECONDS = 0.1
"""A manifest that takes longer makes every listing slow; a contract allows a fifth."""


@click.command()
@workspace_option
def command(workspace: Path) -> None:
    """Check this installation and workspace: packages, plugins, environments, disk, and every artifact by its hashes.

    Exit code 4 when an artifact is damaged.
    """
    app = build_app(workspace.absolute())
    print(f"ftctl {__version__}, Python {platform.python_version()}, {sys.platform}")
    print("packages     " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    _plugins(app.registry)
    _machine(app)
    _artifacts(app, workspace)


def _plugins(registry: Registry) -> None:
    broken = registry.broken()
    print(f"plugins      {len(registry.offers())} backends, {len(broken)} broken plugins")
    for entry in broken:
        print(f"  {entry.dist} {entry.version} {entry.name}: {entry.phase}: {entry.error}; {entry.remedy}")
        for line in entry.trace:
            print(f"    {line}")
    for name, seconds in registry.slow(SLOW_SECONDS):
        print(f"  slow: the manifest of {name} takes {1000 * seconds:,.0f} ms to read")


def _machine(app: App) -> None:
    needed = sorted(recipes(app.registry.offers()))
    states = [f"{name} {'ready' if folder_of(name).record() else 'absent'}" for name in needed]
    print(f"environments {', '.join(states)}")
    print(f"GPU          {'none: no NVIDIA driver is loaded' if lacking_nvidia() else 'an NVIDIA driver is loaded'}")
    print(f"disk         {app.environments.free_bytes() / 1e9:,.1f} GB free")
    code = startup_code()
    if code:
        print(f"start-up     {len(code)} .pth files run code in every Python of this environment:")
        for path in code:
            print(f"  {path}")


def _artifacts(app: App, workspace: Path) -> None:
    damaged = [error.what for error in app.store.damaged()]
    artifacts = app.store.artifacts()
    for artifact in artifacts:
        try:
            app.store.verify(artifact)
        except ArtifactCorrupt as error:
            damaged.append(error.what)
    print(f"artifacts    {len(artifacts) + len(app.store.damaged())} in {workspace}, {len(damaged)} damaged")
    if damaged:
        raise ArtifactCorrupt("damaged artifacts", next_step="remove their folders", details=tuple(damaged))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "–"
