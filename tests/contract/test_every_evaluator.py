"""No evaluator comes without a contract; one with questions of its own says which targets are best and worst."""

import ast
from pathlib import Path

import pytest

from ftctl.plugin import OWN_CASES
from ftctl_adapters.bootstrap import build_registry

TESTS = Path(__file__).parents[1]
FILES = sorted([*TESTS.glob("contract/test_*.py"), *TESTS.glob("backends/*_contract.py")])


def contracts() -> dict[str, set[str]]:
    """What each class of an evaluator's contract defines, by the offer that it is about."""
    found: dict[str, set[str]] = {}
    for path in FILES:
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(one, ast.ClassDef) and "EvaluatorContract" in {ast.unparse(base) for base in one.bases}:
                methods = {item.name: item for item in one.body if isinstance(item, ast.FunctionDef)}
                nodes = list(ast.walk(methods["offer"])) if "offer" in methods else []
                told = [node.value for node in nodes if isinstance(node, ast.Constant)]
                found |= {str(name): set(methods) for name in told if isinstance(name, str)}
    return found


OFFERS = {offer.name: offer for offer in build_registry().offers("evaluator") if offer.dist == "ftctl"}


@pytest.mark.parametrize("name", OFFERS)
def test_it_has_a_contract_with_a_best_and_a_worst_target(name: str) -> None:
    known = contracts()
    assert name in known, f"no class of {', '.join(path.name for path in FILES)} is about it"
    # those of the contract itself answer the test split, right and wrong, and know no other questions
    if OWN_CASES in OFFERS[name].capabilities:
        assert {"best", "worst"} <= known[name]
