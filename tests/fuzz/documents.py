"""Run files and rows, changed at random."""

import copy
import json
import random
from typing import Any

from tests.fuzz.odd_values import misspelt, odd

RUNS: tuple[dict[str, Any], ...] = (
    {
        "model": "builtin:tiny",
        "data_source": {"use": "jsonl", "path": "rows.jsonl", "split": {"validation": 0.1, "test": 0.1}},
        "tuner": {"use": "lora", "rank": 4, "max_steps": 2},
        "evaluators": [{"use": "text-metrics", "max_new_tokens": 8}, {"use": "perplexity"}],
        "compressor": {"use": "int8"},
        "server": {"use": "transformers", "port": 0},
        "monitors": [{"use": "jsonl"}],
        "gates": [{"metric": "exact_match", "min_gain": 0.05, "over": "base"}],
        "seed": 3,
    },
    {
        "model": "builtin:tiny",
        "data_source": {"sources": [{"use": "jsonl", "path": "rows.jsonl"}, "pydoc"], "probabilities": [0.5, 0.5]},
        "data_steps": [{"use": "normalise"}, {"use": "dedup-near", "threshold": 0.7}, {"use": "pii", "action": "mask"}],
        "tuner": {"use": "qlora", "objective": "dpo", "beta": 0.1, "launcher": "single"},
        "evaluators": ["text-metrics"],
        "environments": {"vllm": {"python": "/usr/bin/python3"}},
        "add_tokens": ["<a>"],
        "chat_template": "chatml",
        "template_date": "2026-01-31",
    },
    {"model": "builtin:tiny", "endpoint": {"url": "http://127.0.0.1:9/v1", "model": "m"}, "evaluators": "perplexity"},
)
ROWS: tuple[dict[str, Any], ...] = (
    {"prompt": "a", "completion": "b"},
    {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
    {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "system": "s", "tools": "[]"},
    {"instruction": "a", "input": "b", "output": "c", "history": [["d", "e"]]},
    {"prompt": "a", "chosen": "b", "rejected": "c"},
    {"text": "a b c"},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]},
                  {"role": "assistant", "content": None, "tool_calls": [
                      {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]},
                  {"role": "tool", "content": "1", "tool_call_id": "1"}, {"role": "assistant", "content": "b"}],
     "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
     "metadata": {"a": 1}, "group": "g"},
)  # fmt: skip


def changed(draw: random.Random, value: Any, depth: int = 0) -> Any:
    """Return the value with something in it replaced, misspelt, lost, doubled or added."""
    if isinstance(value, dict) and value and (depth == 0 or draw.random() < 0.8):
        key = draw.choice(list(value))
        way = draw.random()
        if way < 0.15:
            return {name: one for name, one in value.items() if name != key}
        if way < 0.3:
            return {misspelt(draw, str(name)) if name == key else name: one for name, one in value.items()}
        if way < 0.4:
            return {**value, str(odd(draw)): odd(draw)}
        return {**value, key: changed(draw, value[key], depth + 1)}
    if isinstance(value, list) and value and draw.random() < 0.7:
        place = draw.randrange(len(value))
        way = draw.random()
        if way < 0.2:
            return value[:place] + value[place + 1 :]
        if way < 0.4:
            return [*value, value[place]]
        return [*value[:place], changed(draw, value[place], depth + 1), *value[place + 1 :]]
    if isinstance(value, str) and draw.random() < 0.3:
        return misspelt(draw, value)
    return odd(draw)


def run_file(draw: random.Random) -> bytes:
    """Return a run file: JSON is YAML; sometimes bytes of it are changed too."""
    document: Any = copy.deepcopy(draw.choice(RUNS))
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        document = changed(draw, document)
    text = json.dumps(document, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
    return spoiled(draw, text) if draw.random() < 0.15 else text


def rows_file(draw: random.Random) -> bytes:
    """Return a file of a few rows as they should be, and some that are not."""
    kind = draw.choice(ROWS)
    rows: list[Any] = [kind] * draw.choice((0, 3, 12))
    rows += [changed(draw, copy.deepcopy(draw.choice((kind, draw.choice(ROWS))))) for _ in range(draw.randrange(1, 5))]
    draw.shuffle(rows)
    lines = [json.dumps(row, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass") for row in rows]
    whole = b"\n".join(lines) if draw.random() < 0.9 else b"[" + b",".join(lines) + b"]"
    return spoiled(draw, whole) if draw.random() < 0.15 else whole


def spoiled(draw: random.Random, content: bytes) -> bytes:
    """Return the bytes with some flipped, cut off, doubled or inserted."""
    place = draw.randrange(len(content) + 1)
    marks = (b"&a ", b"*a", b"!!python/object ", b"---\n", b"{" * 99, b"\xef\xbb\xbf")
    extra = draw.choice((b"\x00", b"\xff", b"\t", b"\r", *marks))
    ways = (content[:place], content[place:], content[:place] + extra + content[place:], extra, content * 2, b"")
    return draw.choice(ways)
