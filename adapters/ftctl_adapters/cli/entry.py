"""The console script: nothing is imported before Ctrl-C ends it with its exit code."""


def main() -> None:
    """Run the command line."""
    try:
        from ftctl_adapters.cli.main import main as command_line

        command_line()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
