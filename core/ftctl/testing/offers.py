"""Offers of every fake, and an entry point that brings them: a whole run in memory needs nothing else."""

from typing import TYPE_CHECKING

from attrs import evolve

from ftctl.domain.format import BNB_INT8, ENDPOINT, HF, PEFT_ADAPTER
from ftctl.plugin import (
    ACCUMULATES,
    BASE,
    BRIDGE,
    DEDUPLICATES,
    DERIVES,
    DETERMINISTIC,
    INSIDE,
    OUTSIDE,
    OWN_CASES,
    RESUME,
    SCORES,
    SEALS,
    SERVER,
    SPLITS,
    VALIDATES,
    Offer,
    hookimpl,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

FAKES = "ftctl.testing.fakes"
CAPABLE = (RESUME, DETERMINISTIC, ACCUMULATES, VALIDATES)


@hookimpl
def ftctl_offers() -> list[Offer]:
    """Offer one backend called ``fake`` for every port; the verifier has the planner's name."""
    return [
        _offer("data_source", "FakeDataSource"),
        _offer("data_operator", "FakeDataOperator"),
        _offer("data_operator", "FakeSetOperator", "fake-dedup", capabilities=(DEDUPLICATES,)),
        _offer("data_operator", "FakeMaker", "fake-maker", capabilities=(DERIVES,)),
        _offer("data_operator", "FakeSplit", "fake-split", capabilities=(SPLITS,)),
        _offer("data_operator", "FakeSeal", "fake-seal", capabilities=(SEALS,)),
        _offer("engine", "FakeEngine", "local"),
        _offer("engine", "FakeEngine"),
        _offer("tuner", "FakeTuner", "fake", (HF,), (PEFT_ADAPTER,), CAPABLE),
        _offer("evaluator", "FakeEvaluator"),
        _offer("evaluator", "FakeEvaluator", "fake-scores", capabilities=(SCORES,)),
        _offer("evaluator", "FakeEvaluator", "fake-looks", capabilities=(INSIDE,)),
        _offer("evaluator", "FakeEvaluator", "fake-server-only", capabilities=(SERVER,)),
        _offer("evaluator", "FakeReader", "fake-reads", capabilities=(OWN_CASES,)),
        evolve(_offer("evaluator", "FakeReader", "fake-apart", capabilities=(OWN_CASES,)), environment="apart"),
        _offer("evaluator", "FakeComparer", "fake-compares", capabilities=(BASE,)),
        evolve(_offer("evaluator", "FakeCaller", "fake-outside", capabilities=(OUTSIDE,)), environment="apart"),
        _offer("compressor", "FakeCompressor", accepts=(HF,), produces=(HF,)),
        _offer("compressor", "FakeExtender", "add-tokens", (HF,), (HF,)),
        _offer("compressor", "FakeCompressor", "bridge", (PEFT_ADAPTER,), (HF,), (BRIDGE,)),
        _offer("server", "FakeServer", accepts=(HF, BNB_INT8)),
        _offer("server", "FakeServer", "picky", accepts=("gguf",)),
        _offer("monitor", "FakeMonitor"),
        _offer("objective", "FakeObjective", "sft"),
        _offer("launcher", "FakeLauncher", "single"),
        _offer("launcher", "FakeLauncher"),
        _offer("target_loader", "FakeTargetLoader", accepts=(HF, PEFT_ADAPTER), capabilities=(INSIDE,)),
        _offer("target_loader", "FakeAsker", "openai", accepts=(ENDPOINT,)),
        _offer("verifier", "FakeVerifier", "golden"),
    ]


def _offer(
    port: str,
    kind: str,
    name: str = "fake",
    accepts: tuple[str, ...] = (),
    produces: tuple[str, ...] = (),
    capabilities: tuple[str, ...] = (),
) -> Offer:
    module = f"{FAKES}.{port}"
    return Offer(
        port=port,
        name=name,
        summary=f"a fake {port.replace('_', ' ')}",
        factory=f"{module}:{kind}",
        options=f"{module}:{kind}Options",
        accepts=accepts,
        produces=produces,
        capabilities=capabilities,
    )


def fake_entry_points() -> "list[EntryPoint]":
    """Return the entry points of a registry with the fakes alone."""
    # as heavy as ten manifests
    from importlib.metadata import EntryPoint

    return [EntryPoint("fakes", "ftctl.testing.offers", "ftctl.plugins")]
