"""The engines that come with ftctl."""

from ftctl.plugin import Need, Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        _offer("local", "The worker process itself", ()),
        _offer("processes", "Several processes of this machine", ()),
        _offer("ray", "A Ray cluster, running or started for the stage", (Need("ray", "ftctl[ray]"),)),
    ]


def _offer(name: str, summary: str, needs: tuple[Need, ...]) -> Offer:
    module = f"ftctl_plugins.engines.{name}"
    return Offer(
        port="engine",
        name=name,
        summary=summary,
        factory=f"{module}:{name.capitalize()}Engine",
        options=f"{module}:{name.capitalize()}Options",
        needs=needs,
    )
