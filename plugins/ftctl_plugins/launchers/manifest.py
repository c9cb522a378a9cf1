"""The launchers that come with ftctl."""

from ftctl.plugin import Need, Offer, hookimpl

TORCH = Need("torch", "ftctl[hf]")


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        _offer("single", "Single", "A single process", ()),
        _offer("torchrun", "Torchrun", "torchrun: several processes, on one machine or more", (TORCH,)),
        _offer("ray", "Ray", "Ray Train: workers of a Ray cluster", (TORCH, Need("ray", "ftctl[ray]"))),
    ]


def _offer(name: str, kind: str, summary: str, needs: tuple[Need, ...]) -> Offer:
    module = f"ftctl_plugins.launchers.{name}"
    return Offer(
        port="launcher",
        name=name,
        summary=summary,
        factory=f"{module}:{kind}Launcher",
        options=f"{module}:{kind}Options",
        needs=needs,
    )
