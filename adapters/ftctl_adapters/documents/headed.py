"""Text and Markdown, divided into sections by headings."""

import re
from collections.abc import Iterator

from ftctl_adapters.documents.section import NotReadable, Part, Section

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def text_parts(content: bytes) -> Iterator[Part]:
    """A text as one section."""
    text = decoded(content).strip()
    if text:
        yield Section("section 1", text)


def markdown_parts(content: bytes) -> Iterator[Part]:
    """A section a heading (``#``), which stands above its text; marks in fenced code are none."""
    yield from sections(_marked(decoded(content)))


def _marked(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it is a heading."""
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif fence and line.strip().startswith(fence):
            fence = ""
        heading = None if fence else _HEADING.fullmatch(line)
        yield (heading[2] if heading else line), bool(heading)


def sections(lines: Iterator[tuple[str, bool]]) -> Iterator[Section]:
    """Return sections from lines and headings; an empty section becomes the beginning of the next."""
    number, heading, body, pending = 0, "", list[str](), list[str]()
    for line, is_heading in lines:
        if not is_heading:
            body.append(line)
            continue
        if "".join(body).strip():
            number += 1
            yield _section(number, heading, pending, body)
            pending = []
        elif heading:
            pending.append(heading)
        heading, body = line, []
    if "".join(body).strip():
        yield _section(number + 1, heading, pending, body)


def _section(number: int, heading: str, above: list[str], body: list[str]) -> Section:
    headings = [*above, *([heading] if heading else [])]
    text = "\n".join(body).strip("\n")
    return Section(f"section {number}", "\n\n".join([*headings, text]), " / ".join(headings))


def decoded(content: bytes) -> str:
    """Return decoded UTF-8 without byte order mark, with ``\n`` as line end.

    Raises:
        NotReadable: it is not UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotReadable(f"bad_utf8: byte {error.start + 1}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
