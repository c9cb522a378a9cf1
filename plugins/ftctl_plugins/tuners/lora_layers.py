"""Layers and experts that LoRA updates, from a model's files: transformers and PEFT lay some of them out otherwise.

transformers 5 holds a layer's experts in one tensor. For some architectures PEFT 0.21 turns the names of their layers
into updates of those tensors; then other layers of these names, dense and shared ones, stay as they are. For the other
architectures it updates no experts unless ``target_parameters`` names them.
"""

import re

from attrs import frozen

from ftctl.domain.resources import ModelShape
from ftctl.errors import ConfigInvalid
from ftctl_adapters.training.options import ALL_LINEAR

MIXTRAL = {"MixtralForCausalLM", "MiniMaxForCausalLM", "MiniMaxM2ForCausalLM"}
QWEN_MOE = {
    *("AfmoeForCausalLM", "BeamForCausalLM", "Cohere2MoeForCausalLM", "DeepseekV2ForCausalLM"),
    *("DeepseekV32ForCausalLM", "DeepseekV3ForCausalLM", "Dots1ForCausalLM", "Ernie4_5_MoeForCausalLM"),
    *("ExaoneMoeForCausalLM", "FlexOlmoForCausalLM", "Glm4MoeForCausalLM", "Glm4MoeLiteForCausalLM"),
    *("GlmMoeDsaForCausalLM", "HunYuanMoEV1ForCausalLM", "LongcatFlashForCausalLM", "MellumForCausalLM"),
    *("OlmoeForCausalLM", "Qwen3MoeForCausalLM", "Qwen3NextForCausalLM", "SolarOpenForCausalLM"),
}
"""Architectures whose experts PEFT updates by the names of their layers, like those of the first."""

SCAN = ("dt_proj",)
FUSED = ("out_proj",)
UNUSED = {
    **dict.fromkeys(("MambaForCausalLM", "FalconMambaForCausalLM"), SCAN + FUSED),
    **dict.fromkeys(("Mamba2ForCausalLM", "FalconH1ForCausalLM", "NemotronHForCausalLM"), FUSED),
    "JambaForCausalLM": SCAN,
}
"""Layers whose weight is read past their forward pass, which ``all-linear`` leaves out."""

ROUTER = re.compile(r"\.(?:router(?:\.\w+)?|(?:mlp|block_sparse_moe|feed_forward)\.gate)$")


@frozen
class Names:
    """Names of the layers of an expert in the files: the two that become one tensor, and the last."""

    fused: tuple[str, str]
    last: str

    @property
    def mapped(self) -> set[str]:
        """Names, the router's among them, that PEFT takes for tensors of experts."""
        return {*self.fused, self.last, "gate"}


@frozen
class Targets:
    """Shapes of what is updated: ``layers``, those of ``experts``, and those of experts that became one (``fused``)."""

    layers: list[tuple[int, int]]
    experts: list[tuple[int, int]]
    fused: list[tuple[int, int]]

    @property
    def all(self) -> list[tuple[int, int]]:
        """Shapes of all."""
        return self.layers + self.experts + self.fused

    def parameters(self, rank: int) -> int:
        """Return the number of parameters: A (rank × in) and B (out × rank) of each.

        Two that became one have twice the rank together, and both rows of B.
        """
        return sum(rank * (rows + columns) for rows, columns in self.all) + sum(rank * rows for rows, _ in self.fused)


def converted(architecture: str) -> Names | None:
    """Return the names by which PEFT updates the experts of an architecture, or None if it does not."""
    if architecture in MIXTRAL:
        return Names(("w1", "w3"), "w2")
    return Names(("gate_proj", "up_proj"), "down_proj") if architecture in QWEN_MOE else None


def targets_of(shape: ModelShape, wanted: str) -> Targets:
    """Return what ``target_modules`` reaches.

    Raises:
        ConfigInvalid: it reaches nothing, or one of two layers that became one.
    """
    names = converted(shape.architecture) if _has_experts(shape) else None
    found = Targets([], [], [])
    for tensor, size in shape.linear.items():
        module = tensor.removesuffix(".weight")
        if not _is_named(module, wanted, shape.architecture):
            continue
        last = module.rpartition(".")[2]
        if ".experts." in module:
            if names:
                (found.fused if last in names.fused else found.experts).append(size)
        elif names and last in names.mapped:
            if last == "gate":
                found.layers.append(size)
        elif not (wanted == ALL_LINEAR and ROUTER.search(module)):
            found.layers.append(size)
    if not found.all:
        raise ConfigInvalid(f"tuner.target_modules: {wanted!r} matches no layer of the model")
    _refuse_half(names, wanted)
    return found


def _has_experts(shape: ModelShape) -> bool:
    return any(".experts." in name for name in shape.tensors)


def _is_named(module: str, wanted: str, architecture: str) -> bool:
    if wanted == ALL_LINEAR:
        return module.rpartition(".")[2] not in UNUSED.get(architecture, ())
    return any(f".{module}".endswith(f".{name.strip()}") for name in wanted.split(","))


def _refuse_half(names: Names | None, wanted: str) -> None:
    """Refuse one name of two layers that are one tensor here."""
    listed = {name.strip().rpartition(".")[2] for name in wanted.split(",")}
    if names and len(listed & set(names.fused)) == 1:
        text = f"tuner.target_modules: {' and '.join(names.fused)} are one tensor in this model"
        raise ConfigInvalid(text, next_step="name both or none")
