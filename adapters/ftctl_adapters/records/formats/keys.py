"""Keys with a meaning to training: used by the row's format, or the row is refused. All others are metadata."""

from collections.abc import Collection, Mapping
from typing import Any

from ftctl_adapters.records.formats.parsed import NotThisFormat

MEANINGFUL = {
    **dict.fromkeys(("system", "system_prompt"), "a system prompt"),
    **dict.fromkeys(("tools", "functions", "function_call", "tool_calls"), "tools"),
    **dict.fromkeys(("label", "kto_tag", "labels"), "a label of the answer, which no objective here trains on"),
    **dict.fromkeys(("images", "image", "audios", "audio", "videos", "video"), "media, and only text can be trained"),
    **dict.fromkeys(
        ("chosen", "rejected", "rejected_response", "chosen_messages", "rejected_messages", "margin"), "a preference"
    ),
    **dict.fromkeys(("history", "context", "input"), "a part of the prompt"),
    **dict.fromkeys(("reasoning", "reasoning_content", "thinking", "cot"), "reasoning"),
    **dict.fromkeys(("weight", "loss", "loss_weight", "train", "loss_mask"), "a weight of the row"),
}
"""Names in use for what a model should see or learn."""


def refuse_unused(row: Mapping[str, Any], used: Collection[str], form: str, ignored: Collection[str]) -> None:
    """Refuse a row with a key that training should heed and the format does not use.

    Null, empty text and an empty list say nothing and are passed over.

    Raises:
        NotThisFormat: names the key, its meaning, and the option that leaves it out.
    """
    for key, value in row.items():
        if key in MEANINGFUL and key not in used and key not in ignored and _says_something(value):
            raise NotThisFormat(
                f"the key {key!r} is {MEANINGFUL[key]}, which format {form} does not use; map it with "
                f"data_source.names, or leave it out: data_source.ignore_keys: [{key}]"
            )


def _says_something(value: Any) -> bool:
    return value is not None and value not in ("", [], {})
