"""A model of which it is known what its answers depend on: one letter of the question."""

from types import SimpleNamespace
from typing import Any

import pytest

from ftctl.domain.example import Prompt
from ftctl.ports import LoadedModel
from ftctl.testing.fakes import FakeTarget

torch = pytest.importorskip("torch")
KEY = "1"
"""The letter: the more of it, the likelier is every token of the answer."""


class Letters:
    """One token a letter of ASCII."""

    stop_ids = frozenset({0})

    def asked(self, prompt: Prompt) -> list[int]:
        return self.encode(" ".join(message.content for message in prompt.messages))

    def encode(self, text: str) -> list[int]:
        return [ord(letter) % 128 for letter in text]

    def decode(self, ids: list[int]) -> str:
        return "".join(map(chr, ids))


class Planted(torch.nn.Module):  # type: ignore[misc]
    """The logit of every token that could come next grows with the key's embedding; where ``hidden``, by steps whose
    gradient is nothing.
    """

    def __init__(self, hidden: bool = False) -> None:
        super().__init__()
        self.hidden = hidden
        self.embedding = torch.nn.Embedding(128, 8)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.randn(128, 8, generator=torch.Generator().manual_seed(3)) / 50)
            self.embedding.weight[ord(KEY)] = 2 * torch.ones(8)

    def get_input_embeddings(self) -> Any:
        return self.embedding

    def forward(self, inputs_embeds: Any, logits_to_keep: int) -> Any:
        seen = inputs_embeds.sum(dim=-1).cumsum(dim=-1) / 16
        seen = seen.round() if self.hidden else seen
        rest = torch.zeros(*seen.shape, 64)
        return SimpleNamespace(
            logits=torch.cat([seen[..., None].expand(*seen.shape, 64), rest], dim=-1)[:, -logits_to_keep:]
        )


class Shown(FakeTarget):
    """Answers as the fake does, and shows a planted model."""

    def __init__(self, model: Planted) -> None:
        super().__init__()
        self.model = model

    def inside(self) -> LoadedModel:
        return LoadedModel(self.model, Letters())
