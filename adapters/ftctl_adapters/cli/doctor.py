"""``ftctl doctor``."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from ftctl import __version__
from ftctl.errors import ArtifactCorrupt
from ftctl_adapters.bootstrap import build_app
from ftctl_adapters.cli.options import workspace_option

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "sacrebleu", "tensorboard", "pyarrow")


@click.command()
@workspace_option
def command(workspace: Path) -> None:
    """Check this installation and workspace: packages, plugins, disk, and every stored artifact by its hashes.

    Exit code 4 when an artifact is damaged.
    """
    app = build_app(workspace.absolute())
    print(f"ftctl {__version__}, Python {platform.python_version()}, {sys.platform}")
    print("packages  " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    broken = app.registry.broken()
    print(f"plugins   {len(app.registry.offers())} backends, {len(broken)} broken plugins")
    for entry in broken:
        print(f"  {entry.dist} {entry.version} {entry.name}: {entry.phase}: {entry.error}")
    print(f"disk      {app.environments.free_bytes() / 1e9:,.1f} GB free")
    damaged = []
    artifacts = app.store.artifacts()
    for artifact in artifacts:
        try:
            app.store.verify(artifact)
        except ArtifactCorrupt as error:
            damaged.append(error.what)
    print(f"artifacts {len(artifacts)} in {workspace}, {len(damaged)} damaged")
    if damaged:
        raise ArtifactCorrupt("damaged artifacts", next_step="remove their folders", details=tuple(damaged))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "–"
