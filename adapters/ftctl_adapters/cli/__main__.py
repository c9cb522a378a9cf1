"""``python -m ftctl_adapters.cli``: the command without its script."""

from ftctl_adapters.cli.main import main

main()
