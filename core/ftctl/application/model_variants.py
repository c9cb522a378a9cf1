"""Model variants that a run evaluates (base, tuned, compressed, served), and the stages that do."""

BASE, TUNED, COMPRESSED, SERVED = "base", "tuned", "compressed", "served"

STAGES = {BASE: "baseline", TUNED: "evaluate", COMPRESSED: "evaluate-compressed", SERVED: "evaluate-served"}
"""In the order of the lifecycle: what is later is what a gate looks at."""

REPORTS = "reports."
"""How roles begin by which an evaluation is given those of evaluators that live elsewhere."""
