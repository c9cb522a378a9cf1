"""The monitors that come with ftctl."""

from ftctl.plugin import Need, Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        Offer(
            port="monitor",
            name="console",
            summary="Progress on the terminal: live bars, or plain lines where there is no terminal",
            factory="ftctl_plugins.monitors.console:ConsoleMonitor",
            options="ftctl_plugins.monitors.console:ConsoleOptions",
        ),
        Offer(
            port="monitor",
            name="jsonl",
            summary="Training figures as one JSON object a line, for your own plots",
            factory="ftctl_plugins.monitors.jsonl:JsonlMonitor",
            options="ftctl_plugins.monitors.jsonl:JsonlOptions",
        ),
        Offer(
            port="monitor",
            name="tensorboard",
            summary="TensorBoard event files",
            factory="ftctl_plugins.monitors.tensorboard:TensorboardMonitor",
            options="ftctl_plugins.monitors.tensorboard:TensorboardOptions",
            needs=(Need("tensorboard", "ftctl[tensorboard]"),),
        ),
    ]
