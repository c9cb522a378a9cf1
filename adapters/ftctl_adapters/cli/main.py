"""``ftctl``: run a command; errors become one line and an exit code."""

import io
import os
import sys
import threading
import traceback
from importlib import import_module

import click

from ftctl import __version__
from ftctl.errors import FtctlError

COMMANDS = {
    "run": "Run the whole pipeline: data, tune, evaluate, compress, serve, verify.",
    "data": "Build a run's data set; list, show, compare and check data sets.",
    "tune": "Run the data and tune stages.",
    "evaluate": "Run the stages up to evaluation, or evaluate a server.",
    "compress": "Run the stages up to the compressed model and its evaluation.",
    "serve": "Run the whole pipeline and keep serving, or serve an artifact.",
    "verify": "Replay golden cases against a server, and stop it.",
    "chat": "Chat with a served model.",
    "bench-serve": "Benchmark a server under load.",
    "search": "Search hyper-parameters; each trial is a run.",
    "env": "Manage private environments of backends.",
    "plugins": "List backends and broken plugins; check and create plugins.",
    "runs": "List, show and resume runs of this workspace.",
    "compare": "Compare evaluations, with confidence intervals and p-values.",
    "config": "Show, validate and document run files.",
    "doctor": "Check this installation and this workspace.",
}


class LazyGroup(click.Group):
    """Group of commands that are imported only when called."""

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
    """Fine-tune a language model: data, training, evaluation, compression, serving, verification.

    \b
    ftctl run                       a tiny model, end to end, in about two minutes
    ftctl run my.yaml               your own model and data
    ftctl run my.yaml --dry-run     what it would do, train and need
    """
    context.obj = {"debug": debug}


def main() -> None:
    """The console script."""
    open_standard_streams()
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
    if any(not one.daemon for one in threading.enumerate() if one is not threading.current_thread()):
        from ftctl.worker.exit import leave

        leave(code)  # threads that a plugin left behind would keep the program alive
    sys.exit(code)


def open_standard_streams() -> None:
    """See to it that standard input, output and error are there and take every character.

    What was closed (``>&-``) leads nowhere: otherwise the next file that is opened would get its number, and what
    children print would end in that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            # a console that has no sign for a character gets a question mark, and the run goes on
            stream.reconfigure(errors="replace")


def _exit_code() -> int:
    """Run the command; a failure is told in one line. For a closed pipe click raises SystemExit(1)."""
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
    except Exception as error:
        if _debug():
            traceback.print_exc()
        return _foreign(error)


def _foreign(error: Exception) -> int:
    """Tell an error that is none of ours in a line, and return the exit code."""
    if isinstance(error, UnicodeError):
        print(f"ftctl: a name or a text is no UTF-8: {error} [usage]", file=sys.stderr)
        return 2
    if isinstance(error, FileNotFoundError) and not error.filename:
        print("ftctl: the current folder is not there any more; go to another [usage]", file=sys.stderr)
        return 2
    if isinstance(error, OSError):
        what = f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")
        print(f"ftctl: {what} [resource]", file=sys.stderr)
        return 5
    print(f"ftctl: bug: {type(error).__name__}: {error} [internal]", file=sys.stderr)
    print("  please report it, with `ftctl --debug`", file=sys.stderr)
    return 70


def _debug() -> bool:
    return "--debug" in sys.argv or bool(os.environ.get("FTCTL_DEBUG"))


def _show(error: FtctlError) -> None:
    if _debug():
        traceback.print_exc()
    step = f"; {error.next_step}" if error.next_step else ""
    print(f"ftctl: {error.what}{step} [{error.code}]", file=sys.stderr)
    for line in error.details:
        print(f"  {line}", file=sys.stderr)
