"""The tiny model to look into, and models like it that are wrong in one known way."""

from typing import Any

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF
from ftctl.ports import LoadedModel
from ftctl.testing.fakes import FakeTarget
from ftctl_adapters.modeling.decoder_blocks import layers_of
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.tokenizer import ChatTokenizer

TINY = str(BUILTIN["builtin:tiny"])


class LookedInto(FakeTarget):
    """Answers as the fake does, and shows the tiny model in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.model: Any = load_whole(Artifact("model", HF, "", TINY)).float()
        self.tokenizer = ChatTokenizer(TINY)

    def inside(self) -> LoadedModel:
        return LoadedModel(self.model, self.tokenizer)


def capped() -> LookedInto:
    """Does more behind its blocks than a norm and a head, as models do that cap their logits."""
    found = LookedInto()

    def cap(_: Any, __: Any, out: Any) -> Any:
        out.logits = 2 * (out.logits / 2).tanh()
        return out

    found.model.register_forward_hook(cap)
    return found


def leaking() -> LookedInto:
    """Its attention loses a half on the way."""
    found = LookedInto()
    for block in layers_of(found.model):
        block.self_attn.register_forward_hook(lambda _, __, out: (out[0], out[1] / 2 if out[1] is not None else None))
    return found


def noisy() -> LookedInto:
    """Its gradients are chance."""
    import torch

    found = LookedInto()
    for weight in layers_of(found.model)[-1].parameters():
        weight.register_hook(torch.randn_like)
    return found
