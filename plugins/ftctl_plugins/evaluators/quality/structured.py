"""``structured``: validity and field accuracy of JSON answers."""

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.errors import NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target, answered
from ftctl_plugins.evaluators.quality.schema_checker import SchemaChecker

FENCE = "```"
FIGURES = ("json_valid", "json_equal", "field_precision", "field_recall", "field_f1")


@options
class StructuredOptions:
    """Options of `Structured`."""

    max_new_tokens: int = option(256, help="Maximum number of new tokens.", ge=1, le=65_536)
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)
    schema: str | None = option(None, help="A JSON schema that answers must satisfy, by jsonschema.", location=True)


class Structured(Evaluator):
    """Evaluate examples whose expected answer is a JSON object or array.

    A field is a path with its value; lists count whatever their order.
    """

    def __init__(self, options: StructuredOptions) -> None:
        self._options = options
        self._schema = SchemaChecker(options.schema) if options.schema else None

    def asks(self, examples: int) -> EvaluationCost:
        # the first whose answer is JSON, which need not be those that others ask
        return EvaluationCost(
            answers=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def fingerprint(self) -> str:
        return hashlib.sha256(Path(self._options.schema).read_bytes()).hexdigest() if self._options.schema else ""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = [example for example in data if example.messages and _parsed(example.answer) is not None]
        skipped = sum(1 for example in data if example.messages) - len(asked)
        asked = asked[: self._options.limit]
        if not asked:
            text = "structured needs examples whose answers are JSON; the test split has none"
            raise NoUsableRows(text, next_step="leave it out, or give a test split that has such")
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, answers, missing = answered(asked, told)
        records: list[dict[str, Any]] = []
        with self._schema or contextlib.nullcontext():
            for example, answer in zip(asked, answers, strict=True):
                found = self._figures(_parsed(answer.text), _parsed(example.answer))
                records.append({"where": example.where, "prompt": example.prompt.question, "expected": example.answer,
                                "answer": answer.text, "finish_reason": answer.finish_reason, **found})  # fmt: skip
        names = [*FIGURES, *(["schema_ok"] if self._schema else [])]
        metrics = tuple(
            mean_metric(name, [record[name] for record in records], unit="share", direction="higher") for name in names
        )
        note = f"{skipped} examples left out: no JSON"
        if self._schema and self._schema.late:
            note += f"; {self._schema.late} answers took too long to be held against the schema, and do not satisfy it"
        return Report("structured", metrics, (*records, *missing), {"structured": note})

    def _figures(self, found: Any, wanted: Any) -> dict[str, float]:
        valid, have, want = found is not None, Counter(fields(found)), Counter(fields(wanted))
        common = (have & want).total()
        precision, recall = common / max(have.total(), 1), common / max(want.total(), 1)
        f1 = 2 * precision * recall / (precision + recall) if common else 0.0
        told = dict(zip(FIGURES, map(float, (valid, _same(found, wanted), precision, recall, f1)), strict=True))
        return told | ({"schema_ok": float(valid and self._schema.is_valid(found))} if self._schema else {})


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every leaf with its path, without list positions; an empty list or object is a leaf too."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from fields(one, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for one in value:
            yield from fields(one, f"{path}[]")
    elif value is not None or path:
        yield path, json.dumps(value, ensure_ascii=False, sort_keys=True)


def _same(one: Any, other: Any) -> bool:
    """Return True if equal as JSON, where true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _parsed(text: str) -> Any:
    """Return the text's object or array, without a code fence; ``None`` if it is none."""
    stripped = text.strip()
    if stripped.startswith(FENCE) and stripped.endswith(FENCE) and "\n" in stripped:
        stripped = stripped.partition("\n")[2].rpartition(FENCE)[0]
    try:
        found = json.loads(stripped, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None
