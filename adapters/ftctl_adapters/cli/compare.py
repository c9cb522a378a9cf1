"""``ftctl compare``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftctl.application.model_variants import STAGES
from ftctl.application.previous_run import usual
from ftctl.application.run_record import recorded_run
from ftctl.errors import UsageError
from ftctl_adapters.cli.options import json_option, workspace_option

if TYPE_CHECKING:
    from ftctl_adapters.report.comparison import Comparison
    from ftctl_adapters.report.pii_masking import Hide


@click.command()
@click.argument("before")
@click.argument("after", nargs=-1)
@workspace_option
@json_option
def command(before: str, after: tuple[str, ...], workspace: Path, as_json: bool) -> None:
    """Compare evaluations over the same examples, with confidence intervals and p-values.

    BEFORE and AFTER are runs (the beginning of a name is enough), each with `:base`, `:tuned`, `:compressed` or
    `:served`; the tuned model where that is left out, or the server where none was tuned. With one run alone, its base
    is compared with its tuned model; with several after the first, each of them with the first.

    Differences have an interval of 95 % (BCa bootstrap over examples) and p (exact McNemar for what is 0 or 1, else
    permutation of signs), adjusted by Holm for all figures that are shown.
    """
    from ftctl_adapters.report.comparison import adjusted_together
    from ftctl_adapters.report.pii_masking import hiding

    if not after:
        run = before.partition(":")[0]
        before, after = f"{run}:base", (f"{run}:tuned",)
    first = _report(workspace, before)
    if len(set(after)) < len(after):
        raise UsageError("one of them is named twice", next_step="name each once")
    others = {name: _report(workspace, name) for name in after}
    hide = hiding((first, *others.values()))
    compared = [_compared(first, other, name, hide) for name, other in others.items()]
    found = dict(zip(after, adjusted_together(compared), strict=True))
    if as_json:
        told = {name: _document(one) for name, one in found.items()}
        whole = told[after[0]] if len(told) == 1 else {"before": before, "comparisons": told}
        print(json.dumps(whole, ensure_ascii=False))
        return
    for name, one in found.items():
        _print(one, before, name)


def _compared(first: Path, other: Path, name: str, hide: "Hide") -> "Comparison":
    from ftctl_adapters.report.comparison import compare

    try:
        return compare(first, other, hide)
    except UsageError as error:
        raise UsageError(f"{name}: {error.what}", next_step=error.next_step) from error


def _print(found: "Comparison", before: str, after: str) -> None:
    from ftctl_adapters.cli.tables import print_table
    from ftctl_adapters.report.tables import difference_rows

    print_table(difference_rows(found, before, after))
    if found.unpaired:
        print(f"{found.unpaired} examples were measured in one of both only, and are left out")
    for one in found.changed:
        print(f"\n{one['where']}  {one['figure']} {one['delta']:+.4g}  {_short(one['prompt'])}")
        print(f"  before: {_short(one['before'])}\n  after:  {_short(one['after'])}")


def _report(workspace: Path, name: str) -> Path:
    """Return the folder of an evaluation.

    Raises:
        UsageError: no such run, or that model was not measured in it.
        ArtifactCorrupt: the evaluation is damaged.
    """
    from ftctl_adapters.cli.data_sets import store_of
    from ftctl_adapters.cli.runs import known

    run, _, subject = name.partition(":")
    if subject not in ("", *STAGES):
        raise UsageError(f"{name}: no model is called {subject!r}", next_step=f"one of {', '.join(STAGES)}")
    document = recorded_run(known(workspace, run)) or {}
    subject = subject or usual(document)
    made = [one["artifact"] for one in document.get("stages", ()) if one["name"] == STAGES[subject] and one["artifact"]]
    if not made:
        raise UsageError(f"{name}: the {subject} model was not measured in this run")
    store = store_of(workspace)
    found = store.open(*made[0].split("/"))
    store.verify(found)
    return Path(found.path)


def _document(found: "Comparison") -> dict[str, Any]:
    from ftctl.domain.codec import to_plain

    told = [to_plain(one) | {"delta": one.delta, "verdict": one.verdict} for one in found.differences]
    return {"differences": told, "changed": found.changed, "unpaired": found.unpaired}


def _short(value: Any) -> str:
    text = (f"{value:.4g}" if isinstance(value, float) else str(value)).replace("\n", " ")
    return text if len(text) <= 100 else f"{text[:100]}…"
