"""Print plans and results: tables on a terminal, plain columns in a pipe."""

from typing import Any

from ftctl_adapters.report.tables import gate_rows, metric_rows, stage_rows

NOT_KNOWN = "how long that takes is not known"
NEVER_MEASURED = "how long that takes is known once this model was measured here"
MINUTES = 120
"""Seconds from which minutes are told."""


def print_table(rows: list[list[str]]) -> None:
    """Print rows under their header; columns are as wide as needed, whatever the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(Text(name))
    for row in rows[1:]:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    Console(highlight=False, width=console.width if console.is_terminal else 240).print(table)


def print_plan(plan: dict[str, Any]) -> None:
    """Print stages, cache hits, trained parameters and needs."""
    model, resources = plan["model"], plan["resources"]
    print(f"run {plan['run_id']}")
    trained, total = resources["trained_parameters"], resources["total_parameters"]
    known = f"{model['architecture']}, {model['parameters']:,} parameters, {model['dtype']}"
    print(f"model {model['reference']}: {known if total else 'as it is served'}")
    if model.get("commit"):
        print(f"  from the hub at commit {model['commit']}{_to_fetch(model['fetch_bytes'])}")
    if model.get("template_date"):
        print(f"  its chat template asks for the day, and is told {model['template_date']} (template_date)")
    if model["left_out"]:
        print(f"  files left out of the model's view: {', '.join(model['left_out'])}")
    rows = [["stage", "plugin", "environment", "state"]]
    rows += [[s["name"], s["plugin"], s["environment"], "cached" if s["cached"] else "to do"] for s in plan["stages"]]
    print_table(rows)
    if plan["evaluation"]:
        print(_shown(plan["evaluation"]))
        print(_asked(plan["evaluation"]))
    if not total:
        return
    steps = resources["steps"] if resources["steps"] is not None else "known once the data has been read"
    print(f"trained parameters {trained:,} of {total:,} ({trained / total:.2%}); optimizer steps: {steps}")
    if plan["training"]:
        print("training: " + ", ".join(f"{name} {value}" for name, value in plan["training"].items()))
    memory = ", ".join(f"{phase} {size / 1e6:,.0f} MB" for phase, size in resources["memory"].items())
    print(f"memory, estimated{_for_batch(resources)}: {memory}; disk {resources['disk'] / 1e6:,.0f} MB")


def _for_batch(resources: dict[str, Any]) -> str:
    largest = resources["notes"].get("largest_batch")
    if not largest:
        return " at most (rows are not encoded yet)"
    return f" for a batch of {largest['sequences']} sequences of at most {largest['longest']} tokens"


def _shown(evaluation: dict[str, Any]) -> str:
    least = evaluation["smallest_shown"]
    told = [f"{one['evaluator']} asks {one['examples']} of them{_least(one['smallest_shown'])}"
            for one in evaluation["fewer"]]  # fmt: skip
    fewer = "".join(f"\n  {line}" for line in told)
    if least is None:
        few = f"{evaluation['examples']} examples, too few to show that one model is better than another"
        return f"test split: {few}{fewer}"
    shown = f"{evaluation['examples']} examples detect a difference of {least:.2g} between two shares"
    return f"test split: {shown} (80 % power, 95 % confidence, 20 % of answers changed){fewer}"


def _least(shown: float | None) -> str:
    return ", too few to show a difference" if shown is None else f": a difference of {shown:.2g}"


def _asked(evaluation: dict[str, Any]) -> str:
    asked, seconds = evaluation["asks"], evaluation["seconds"]
    told = f"evaluating a model: at most {asked['answers']:,} answers with {asked['tokens']:,} tokens"
    told += f", {asked['scores']:,} scores"
    told += f"; not told by {', '.join(asked['silent'])}" if asked["silent"] else ""
    if seconds is None:
        return f"{told}; {NOT_KNOWN}" if asked["silent"] else f"{told}; {NEVER_MEASURED}"
    return f"{told}; about {_duration(seconds)} at the last measured throughput"


def _duration(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < MINUTES else f"{seconds / 60:,.0f} min"


def print_result(result: dict[str, Any], *, stopped: bool = False) -> None:
    """Print metrics side by side, stages and paths; ``stopped`` if nothing serves any more."""
    if result["metrics"]:
        print_table(metric_rows(result))
        print()
    if result.get("gates"):
        print_table(gate_rows(result))
        print()
    print_table(stage_rows(result))
    endpoint = result["endpoint"]
    if endpoint:
        state = "verified, stopped" if stopped else "verified"
        print(f"\nendpoint {endpoint['url']} model {endpoint['model']} ({state})")
    print(f"\nreport {result['report']}")


def _to_fetch(needed: int) -> str:
    if not needed:
        return ""
    from ftctl_adapters.hub.fetch import free_bytes

    free, cache = free_bytes()
    return f"; {needed / 1e6:,.0f} MB of weights to fetch, {free / 1e6:,.0f} MB free in {cache}"
