"""``ftctl serve``."""

from functools import partial
from typing import Any

import click

from ftctl_adapters.cli.artifact import of_artifact
from ftctl_adapters.cli.launch import launch
from ftctl_adapters.cli.options import RUN_FILE_OR_ARTIFACT, restart_option, run_options


@click.command()
@partial(run_options, first=RUN_FILE_OR_ARTIFACT)
@restart_option
@click.option("--port", type=click.IntRange(0, 65_535), help="Port on 127.0.0.1; 0 picks a free one.")
def command(port: int | None, restart: int, **given: Any) -> None:
    """Serve on 127.0.0.1 until Ctrl-C, after replaying the golden cases.

    With a run file: runs up to a verified server. With an artifact, by its id in this workspace (`model/1a2b3c…`, as
    runs list it) or by a folder: serves that.

    \b
    ftctl serve my.yaml --port 8000
    ftctl serve model/61bab3076328 --server vllm
    """
    if port is not None:
        given["settings"] = (*given["settings"], f"server.port={port}")
    if of_artifact(given["run_file"]):
        from ftctl_adapters.cli.artifact import serve_artifact

        serve_artifact(restart, **given)
    else:
        launch("verify", False, restart=restart, **given)
