"""Headline of a report: whether the model passed the run's gates."""

from typing import Any

from ftctl.domain.codec import from_plain
from ftctl.domain.gate_result import GateResult

NONE = "no gate was set: nothing here says that the model may be used"


def verdict(run: dict[str, Any]) -> tuple[str, str]:
    """Return ``pass``, ``fail``, ``inconclusive`` or ``none``, and a sentence that says why."""
    results = [from_plain(told, GateResult) for told in run.get("gates", ())]
    if run.get("status") not in ("done", "failed"):
        return "none", f"the run is {run.get('status')}"
    if not results:
        failed = run.get("error") or {}
        return ("fail", str(failed.get("what"))) if failed else ("none", NONE)
    for kind in ("fail", "inconclusive"):
        found = sorted({result.metric for result in results if result.verdict == kind})
        count = sum(result.verdict == kind for result in results)
        if found:
            many = len(results) > 1
            state = "failed" if kind == "fail" else "are inconclusive" if many else "is inconclusive"
            gates = f"{count} of {len(results)} gates" if many else "the gate"
            return kind, f"{gates} {state}: {', '.join(found)}"
    held = f"all {len(results)} gates hold" if len(results) > 1 else "the gate holds"
    doubted = sorted({result.metric for result in results if result.doubt})
    return "pass", f"{held}, by point estimate only: {', '.join(doubted)}" if doubted else held
