"""``python -m ftctl_adapters.cli``: the command without its script."""

from ftctl_adapters.cli.entry import main

main()
