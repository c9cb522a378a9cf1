"""``ftctl data check``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ftctl.application.dataset.row_contract import Checked, Rules, check
from ftctl.domain.example import Example, Rejection
from ftctl.domain.outcome import Dropped
from ftctl.errors import ConfigInvalid, DataContractBroken
from ftctl.plugin.option_checks import check_options
from ftctl.ports.data_operator import RowOperator
from ftctl_adapters.cli.options import json_option, workspace_option

SHOWN = 200
BATCH = 512


@click.command()
@click.argument("contract", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.argument("data", required=False)
@click.option("--split", "splits", multiple=True, type=click.Choice(["train", "validation", "test"]),
              help="Only this split of a data set; repeatable.")  # fmt: skip
@workspace_option
@json_option
def command(contract: Path, data: str | None, splits: tuple[str, ...], workspace: Path, as_json: bool) -> None:
    """Validate DATA against CONTRACT and list all violations; exit code 3 if there is one.

    DATA is a file of rows, or a data set by its id, its digits or a tag; left out: the newest one. CONTRACT is a YAML
    file; `ftctl config schema` lists its keys under `data contract`.
    """
    rules = _rules(contract)
    found = check(_rows(data, splits, workspace), rules, _shared(_rows(data, splits, workspace), rules))
    if as_json:
        print(json.dumps({"rows": found.rows, "violations": found.violations}, ensure_ascii=False))
    if not found.violations:
        if not as_json:
            print(f"{found.rows} rows keep the contract")
        return
    raise DataContractBroken(
        f"{len(found.violations)} violations in {found.rows} rows",
        next_step="correct the rows, or the contract",
        details=() if as_json else _listed(found),
    )


def _listed(found: Checked) -> tuple[str, ...]:
    more = len(found.violations) - SHOWN
    return (*found.violations[:SHOWN], *((f"… and {more} more; all of them: --json",) if more > 0 else ()))


def _rules(path: Path) -> Rules:
    from ftctl_adapters.config.strict_yaml import read_yaml

    document = read_yaml(path) or {}
    if not isinstance(document, dict):
        raise ConfigInvalid(f"{path}: a contract is a mapping, not a list or a value")
    good, problems = check_options(Rules, document, "contract")
    rules = Rules(**good) if not problems else None
    problems += [f"contract.{line}" for line in rules.problems()] if rules else []
    if rules is None or problems:
        raise ConfigInvalid(f"{path}: the contract has {len(problems)} problems", details=tuple(problems))
    return rules


def _rows(data: str | None, splits: tuple[str, ...], workspace: Path) -> Iterator[Example | Rejection]:
    """Yield the rows of a file or of a data set."""
    from ftctl.domain.split import SPLITS
    from ftctl.plugin.dataset import read_split
    from ftctl_adapters.cli.data_sets import found_in, store_of
    from ftctl_adapters.records.examples import ExampleReader
    from ftctl_adapters.records.locations import place_of
    from ftctl_adapters.records.tables import read_rows

    if data is not None and Path(data).is_file():
        yield from ExampleReader().read(read_rows(place_of(Path(data))))
        return
    artifact = found_in(store_of(workspace), data)
    for split in splits or SPLITS:
        yield from read_split(artifact, split)


def _shared(rows: Iterator[Example | Rejection], rules: Rules) -> Iterator[tuple[str, str]]:
    """Yield rows that overlap with evaluation items, as the operator `decontaminate` finds them."""
    if not rules.against:
        return
    from ftctl.application.backend_calls import instantiate
    from ftctl.application.resolve import resolve_one
    from ftctl.ports.context import StageContext
    from ftctl_adapters.bootstrap import build_app

    app = build_app(Path(".ftctl").absolute())
    entry: dict[str, Any] = {"use": "decontaminate", "against": list(rules.against), "ngram": rules.ngram}
    backend, _ = resolve_one("data_operator", entry, {}, app.registry, app.environments)
    operator = instantiate(backend)
    assert isinstance(operator, RowOperator)
    nowhere = StageContext(Path(), Path(), 0, lambda *_, **__: None, lambda: False, {})
    examples = (row for row in rows if isinstance(row, Example))
    while batch := [row for row, _ in zip(examples, range(BATCH), strict=False)]:
        for row, outcome in zip(batch, operator.process(batch, nowhere), strict=True):
            if isinstance(outcome, Dropped):
                yield row.where, outcome.reason
