"""Warn of a step that drops a large part of its rows, with examples."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

LARGE = 1 / 3
"""Share of a step's rows from which on dropping them is worth a look."""

FEWEST = 6
"""Rows below which a share says nothing."""

EXAMPLES = 3
COUNTED = ("rows", "changed", "made")


def drop_warnings(funnel: Sequence[dict[str, Any]], ledger: Path) -> Iterator[str]:
    """Yield a sentence for each step that dropped more than a third of its rows.

    Args:
        funnel: rows that came to each step, and how many it dropped by state.
        ledger: the file with an entry a row.
    """
    large = {}
    for step in funnel:
        dropped = sum(count for name, count in step.items() if name not in ("step", *COUNTED))
        if step["rows"] >= FEWEST and dropped > LARGE * step["rows"]:
            large[str(step["step"])] = f"{step['step']} dropped {dropped} of {step['rows']} rows"
    examples: dict[str, list[str]] = {name: [] for name in large}
    with ledger.open(encoding="utf-8") as lines:
        for line in lines if large else ():
            entry = json.loads(line)
            found = examples.get(entry.get("operator", ""))
            if found is not None and len(found) < EXAMPLES:
                twin = f", as row {entry['duplicate_of']}" if entry.get("duplicate_of") else ""
                found.append(f"{entry['where']} ({entry.get('reason', entry['state'])}{twin})")
    for name, text in large.items():
        first = examples[name][0].partition(" (")[0] if examples[name] else "ROW"
        yield f"{text}: {'; '.join(examples[name])}; `ftctl data why {first}` shows one"
