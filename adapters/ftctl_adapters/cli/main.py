"""``ftctl``: finds the command, runs it, and turns errors into one line and an exit code."""

import os
import sys
from importlib import import_module

import click

from ftctl import __version__
from ftctl.errors import FtctlError

COMMANDS = {
    "run": "Carry a model from data to a verified server.",
    "data": "Build the data set of a run; list, show, compare and check those that are there.",
    "tune": "Run up to the tuned model.",
    "evaluate": "Run up to the metrics of the tuned model.",
    "compress": "Run up to the compressed model and its metrics.",
    "serve": "Run up to a verified server and keep serving.",
    "verify": "Run up to the server, replay the golden cases, stop it.",
    "chat": "Talk to a server.",
    "bench-serve": "Measure a server under load.",
    "search": "Search hyper-parameters over runs.",
    "env": "Private environments of backends: create, list, doctor, remove.",
    "plugins": "Backends: what is there, what is broken.",
    "runs": "Runs of this workspace: list, show, events, resume.",
    "compare": "What differs between two evaluations, and how sure that is.",
    "config": "Run files: schema, validate, show.",
    "doctor": "Check this installation and workspace.",
}


class LazyGroup(click.Group):
    """Knows the commands by name, so that ``--help`` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ftctl_adapters.cli.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from ftctl.domain.names import nearest

        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            meant = nearest(name, COMMANDS)
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise click.UsageError(f"no command {name!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="ftctl")
@click.option("--debug", is_flag=True, envvar="FTCTL_DEBUG", help="Show tracebacks.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Fine-tune a language model and carry it to a verified server.

    \b
    ftctl run                       a tiny model, end to end, in about two minutes
    ftctl run my.yaml               your own model and data
    ftctl run my.yaml --dry-run     what it would do, train and need
    """
    context.obj = {"debug": debug}


def main() -> None:
    """The console script."""
    code = _exit_code()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # What is still buffered would be written once more when Python ends, outside of any `except`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"ftctl: {error.strerror}: standard output", file=sys.stderr)
        code = code or (1 if isinstance(error, BrokenPipeError) else 5)
    sys.exit(code)


def _exit_code() -> int:
    """Runs the command; a failure is told in one line. Of a pipe closed while it writes click makes SystemExit(1)."""
    try:
        return cli.main(standalone_mode=False, prog_name="ftctl") or 0
    except click.exceptions.Abort:
        return 130
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except FtctlError as error:
        _show(error)
        return error.status
    except OSError as error:
        if _debug():
            raise
        print(f"ftctl: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        return 5
    except Exception as error:
        if _debug():
            raise
        print(f"ftctl: bug: {type(error).__name__}: {error}\n  please report it, with `ftctl --debug`", file=sys.stderr)
        return 70


def _debug() -> bool:
    return "--debug" in sys.argv or bool(os.environ.get("FTCTL_DEBUG"))


def _show(error: FtctlError) -> None:
    if _debug():
        import traceback

        traceback.print_exc()
    step = f"; {error.next_step}" if error.next_step else ""
    print(f"ftctl: {error.what}{step} [{error.code}]", file=sys.stderr)
    for line in error.details:
        print(f"  {line}", file=sys.stderr)
