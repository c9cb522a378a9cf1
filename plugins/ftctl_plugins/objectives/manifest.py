"""The objectives that come with ftctl."""

from ftctl.plugin import Need, Offer, hookimpl

TORCH = (Need("torch", "ftctl[hf]"),)


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        _offer("sft", "Sft", "Supervised fine-tuning: next-token loss on the answers"),
        _offer("pt", "Pretraining", "Continued pre-training: next-token loss on raw text"),
        _offer("dpo", "Dpo", "Direct preference optimisation on chosen and rejected answers"),
    ]


def _offer(name: str, kind: str, summary: str) -> Offer:
    module = f"ftctl_plugins.objectives.{name}"
    return Offer(
        port="objective",
        name=name,
        summary=summary,
        factory=f"{module}:{kind}Objective",
        options=f"{module}:{kind}Options",
        needs=TORCH,
    )
