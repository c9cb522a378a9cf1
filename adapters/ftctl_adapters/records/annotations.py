"""What annotators said of rows: exports of Label Studio and Argilla, and ``metadata.annotations``, which they become.

An annotation is ``{"by": who, "name": which question, "value": what}``; each annotator's stands beside the others'.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ftctl.domain.example import Example

KEY = "annotations"
LABEL_STUDIO, ARGILLA = "label-studio", "argilla"


def unwrapped(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row inside an export of an annotation tool, with its annotations; any other row as it is."""
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
        if not isinstance(one, dict) or one.get("was_cancelled"):
            continue
        by = one.get("completed_by")
        name = by.get("email") or by.get("id") if isinstance(by, dict) else by
        for result in one.get("result") or ():
            value = result.get("value") or {}
            said = value.get(str(result.get("type")))
            said = said[0] if isinstance(said, list) and len(said) == 1 else said
            yield {"by": str(name), "name": str(result.get("from_name")), "value": said}


def _argilla(responses: Any) -> Iterator[dict[str, Any]]:
    if isinstance(responses, dict):
        for name, given in responses.items():
            for one in given or ():
                if one.get("status", "submitted") == "submitted":
                    yield {"by": str(one.get("user_id")), "name": name, "value": one.get("value")}
        return
    for one in responses:
        if one.get("status", "submitted") == "submitted":
            for name, said in (one.get("values") or {}).items():
                yield {"by": str(one.get("user_id")), "name": name, "value": said.get("value")}


def annotations(row: Example) -> list[dict[str, Any]]:
    """What was said of a row; nothing where nobody was asked."""
    found = row.metadata.get(KEY)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def label_studio_task(row: Example, number: int) -> dict[str, Any]:
    """A task to import there: ``data`` is the row, and each annotator's word an annotation."""
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
    """A record to import there: responses by question, each with who gave it."""
    responses: dict[str, list[dict[str, Any]]] = {}
    for one in annotations(row):
        said = {"value": one.get("value"), "user_id": str(one.get("by")), "status": "submitted"}
        responses.setdefault(str(one.get("name")), []).append(said)
    bare = _bare(row)
    return {"id": str(number), "fields": bare, "metadata": bare.pop("metadata", {}), "responses": responses}


def _bare(row: Example) -> dict[str, Any]:
    """The canonical row without its place and its annotations."""
    told = {key: value for key, value in row.to_row().items() if key not in ("where", "metadata")}
    rest = {key: value for key, value in row.metadata.items() if key != KEY}
    return told | ({"metadata": rest} if rest else {})
