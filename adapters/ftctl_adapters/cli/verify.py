"""``ftctl verify``."""

from functools import partial
from typing import Any

import click

from ftctl.errors import UsageError
from ftctl_adapters.cli.artifact import of_artifact
from ftctl_adapters.cli.launch import launch
from ftctl_adapters.cli.options import RUN_FILE_OR_ARTIFACT, run_options


@click.command()
@partial(run_options, first=RUN_FILE_OR_ARTIFACT)
@click.option("--against", metavar="SERVER|URL", help="Server plugin, or URL of a server, to verify.")
@click.option("--served-model", metavar="NAME", help="Model name at the URL; default: the first that it lists.")
@click.option("--min-agreement", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of cases that must be answered alike, where the format is lossy.")  # fmt: skip
def command(against: str | None, served_model: str | None, min_agreement: float, **given: Any) -> None:
    """Replay golden cases: messages → prompt → tokens → answer, as recorded after training.

    With a run file: runs up to the server, replays, and stops it. With an artifact: replays it against a server that is
    started for it, or against one that runs already. What differs is named: template, tokenizer, BOS, stop or weights;
    a lossless format must answer the same, up to ties.

    \b
    ftctl verify my.yaml
    ftctl verify model/61bab3076328 --against vllm
    ftctl verify adapter/6c87fc79b5ae --against http://127.0.0.1:8000/v1
    """
    if of_artifact(given["run_file"]):
        from ftctl_adapters.cli.artifact import verify_artifact

        verify_artifact(against, served_model, min_agreement, **given)
    elif against or served_model or min_agreement:
        option = "--against" if against else "--served-model" if served_model else "--min-agreement"
        raise UsageError(f"{option} is for an artifact", next_step="ftctl verify model/1a2b3c… --against URL")
    else:
        launch("verify", True, **given)
