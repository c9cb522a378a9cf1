"""``ftctl plugins new``."""

import os
from pathlib import Path

import click

from ftctl.errors import WorkspaceUnusable
from ftctl_adapters.bootstrap import build_registry
from ftctl_adapters.scaffold.project import new_project


@click.command("new")
@click.argument("port")
@click.argument("name")
@click.option("--into", type=click.Path(path_type=Path), metavar="FOLDER", help="Instead of ftctl-NAME, here.")
def command(port: str, name: str, into: Path | None) -> None:
    """Create a pip project for a backend NAME of PORT, which passes its tests as it stands.

    PORT is one of data_source, data_operator, tuner, objective, evaluator, compressor, server, monitor, engine,
    launcher, target_loader, verifier.

    \b
    ftctl plugins new evaluator polite
    cd ftctl-polite && pip install -e '.[test]' && pytest
    """
    folder = into or Path(f"ftctl-{name}")
    try:
        made = new_project(port.replace("-", "_"), name, folder, build_registry())
    except OSError as error:
        raise WorkspaceUnusable(f"{folder} cannot be written: {error.strerror}") from error
    for path in made:
        print(path)
    print(f"\ncd {os.fspath(folder)} && pip install -e '.[test]' && pytest")
