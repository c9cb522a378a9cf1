"""Load a model through its target loader."""

from collections.abc import Sequence

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example
from ftctl.plugin.registry import Registry
from ftctl.ports.target import Target
from ftctl.testing.contracts.offer import make


def open_target(registry: Registry, artifact: Artifact) -> Target:
    """Open a model by the first loader for its format; an assertion fails if there is none."""
    offers = [one for one in registry.offers("target_loader") if artifact.format in one.accepts]
    assert offers, f"nothing opens the format {artifact.format!r}: it could not be evaluated"
    opened: Target = make(offers[0], {}).load(artifact)
    return opened


def mean_loss(target: Target, rows: Sequence[Example]) -> float:
    """Return the mean -log p of the answers' tokens in nats."""
    scores = target.score(rows)
    return -sum(score.log_probability for score in scores) / sum(score.tokens for score in scores)
