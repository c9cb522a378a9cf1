"""What the tests of servers ask, and what they look for once a server is gone."""

import json
import os
import urllib.request
from pathlib import Path
from typing import Any


def left(folder: Path) -> list[str]:
    """Command lines of living processes that name this folder or work in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                place = (entry / "cwd").resolve()
            except OSError:
                continue
            if str(folder) in line or place == folder.resolve():
                found.append(line)
    return found


def descendants(pid: int) -> set[int]:
    """The processes that a process started, and theirs."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, size = {pid}, 0
    while size != len(found):
        size = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found - {pid}


def ask(url: str, **more: Any) -> Any:
    body = {"model": "model", "messages": [{"role": "user", "content": "Good morning"}], "max_tokens": 24}
    content = json.dumps(body | {"temperature": 0} | more).encode()
    return urllib.request.urlopen(
        urllib.request.Request(f"{url}/chat/completions", content, {"Content-Type": "application/json"}), timeout=60
    )


def text(url: str) -> str:
    return str(json.load(ask(url))["choices"][0]["message"]["content"])


def streamed(url: str) -> str:
    lines = ask(url, stream=True).read().decode().splitlines()
    pieces = [json.loads(line[6:])["choices"][0]["delta"] for line in lines if line.startswith("data: {")]
    return "".join(piece.get("content") or "" for piece in pieces)
