"""Annotations of rows: exports of Label Studio and Argilla, normalised to ``metadata.annotations``.

An annotation is ``{"by": who, "name": which question, "value": what}``; each annotator's stands beside the others'.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ftctl.domain.example import Example
from ftctl_adapters.records.formats import NotThisFormat

KEY = "annotations"
VALUES = {"textarea": "text", "pairwise": "selected"}
"""Kinds of Label Studio's answers whose words stand under another name."""


def unwrapped(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the row inside an annotation tool's export, with its annotations; any other row unchanged."""
    if isinstance(row.get("data"), dict) and isinstance(row.get("annotations"), list):
        inside, found = row["data"], list(_label_studio(row["annotations"]))
    elif isinstance(row.get("fields"), dict) and isinstance(row.get("responses"), dict | list):
        inside, found = row["fields"], list(_argilla(row["responses"]))
    else:
        return row
    known = inside.get("metadata") if isinstance(inside.get("metadata"), dict) else {}
    told = row.get("metadata") if isinstance(row.get("metadata"), dict) else {}
    return {**inside, "metadata": {**(known or {}), **(told or {}), KEY: found}}


def _label_studio(annotations: list[Any]) -> Iterator[dict[str, Any]]:
    for one in annotations:
        if _mapping(one, "an annotation").get("was_cancelled"):
            continue
        by = one.get("completed_by")
        name = by.get("email") or by.get("id") if isinstance(by, dict) else by
        for result in one.get("result") or ():
            value = _mapping(_mapping(result, "a result").get("value") or {}, "the value of a result")
            kind = str(result.get("type"))
            # a kind of answer that keeps its word under another name, or under several
            said = value.get(VALUES.get(kind, kind), value)
            said = said[0] if isinstance(said, list) and len(said) == 1 else said
            yield {"by": str(name), "name": str(result.get("from_name")), "value": said}


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotThisFormat(f"{what} must be an object, not {type(value).__name__}")
    return value


def _argilla(responses: Any) -> Iterator[dict[str, Any]]:
    if isinstance(responses, dict):
        for name, given in responses.items():
            for one in given or ():
                if _mapping(one, "a response").get("status", "submitted") == "submitted":
                    yield {"by": str(one.get("user_id")), "name": name, "value": one.get("value")}
        return
    for one in responses:
        if _mapping(one, "a response").get("status", "submitted") == "submitted":
            for name, said in _mapping(one.get("values") or {}, "`values`").items():
                yield {"by": str(one.get("user_id")), "name": name, "value": _mapping(said, name).get("value")}


def annotations(row: Example) -> list[dict[str, Any]]:
    """Return the annotations of a row; empty if there are none."""
    found = row.metadata.get(KEY)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def label_studio_task(row: Example, number: int) -> dict[str, Any]:
    """Return a Label Studio task: ``data`` is the row, and each annotator's answer an annotation."""
    by_rater: dict[str, list[dict[str, Any]]] = {}
    for one in annotations(row):
        by_rater.setdefault(str(one.get("by")), []).append(_result(one))
    told = [{"completed_by": {"email": who}, "result": results} for who, results in by_rater.items()]
    return {"id": number, "data": _bare(row), "annotations": told}


def _result(one: dict[str, Any]) -> dict[str, Any]:
    said = one.get("value")
    kind = "rating" if isinstance(said, int | float) and not isinstance(said, bool) else "choices"
    return {"from_name": str(one.get("name")), "to_name": "text", "type": kind,
            "value": {kind: said if kind == "rating" or isinstance(said, list) else [said]}}  # fmt: skip


def argilla_record(row: Example, number: int) -> dict[str, Any]:
    """Return an Argilla record: responses by question, each with its annotator."""
    responses: dict[str, list[dict[str, Any]]] = {}
    for one in annotations(row):
        said = {"value": one.get("value"), "user_id": str(one.get("by")), "status": "submitted"}
        responses.setdefault(str(one.get("name")), []).append(said)
    bare = _bare(row)
    return {"id": str(number), "fields": bare, "metadata": bare.pop("metadata", {}), "responses": responses}


def _bare(row: Example) -> dict[str, Any]:
    """Return the canonical row without place and annotations."""
    rest = {key: value for key, value in row.metadata.items() if key != KEY}
    told = portable(row)
    told.pop("metadata", None)
    return told | ({"metadata": rest} if rest else {})


def portable(row: Example) -> dict[str, Any]:
    """Return the row for other tools and `jsonl`: without place, preference pairs under their usual keys."""
    told = {key: value for key, value in row.to_row().items() if key not in ("where", "parents")}
    if row.rejected:
        turns = told.pop("messages")
        told = {"prompt": turns[:-1], "chosen": turns[-1:], **told}
    return told
