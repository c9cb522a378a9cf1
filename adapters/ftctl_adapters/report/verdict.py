"""Headline of a report: whether the model passed the run's gates."""

from typing import Any

from ftctl.domain.codec import from_plain
from ftctl.domain.gate_result import Ruling

NONE = "no gate was set: nothing here says that the model may be used"


def verdict(run: dict[str, Any]) -> tuple[str, str]:
    """``pass``, ``fail``, ``inconclusive`` or ``none``, and a sentence that says why."""
    rulings = [from_plain(told, Ruling) for told in run.get("gates", ())]
    if run.get("status") not in ("done", "failed"):
        return "none", f"the run is {run.get('status')}"
    if not rulings:
        failed = run.get("error") or {}
        return ("fail", str(failed.get("what"))) if failed else ("none", NONE)
    for kind, said in (("fail", "said no"), ("inconclusive", "could not be sure")):
        found = sorted({ruling.metric for ruling in rulings if ruling.verdict == kind})
        count = sum(ruling.verdict == kind for ruling in rulings)
        if found:
            who = f"{count} of {len(rulings)} gates" if len(rulings) > 1 else "the gate"
            return kind, f"{who} {said}: {', '.join(found)}"
    held = f"all {len(rulings)} gates hold" if len(rulings) > 1 else "the gate holds"
    doubted = sorted({ruling.metric for ruling in rulings if ruling.doubt})
    return "pass", f"{held}, by the figure alone: {', '.join(doubted)}" if doubted else held
