"""DOCX: a section a heading, by python-docx; paragraphs and tables in their order."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from ftctl_adapters.documents.headed import sections
from ftctl_adapters.documents.section import NotReadable, Part

MAX_UNPACKED, MAX_RATIO = 256 << 20, 200
"""What the parts of the file may expand to together, and how many times its size."""


def docx_parts(content: bytes) -> Iterator[Part]:
    """Text below every heading."""
    import docx
    from docx.opc.exceptions import PackageNotFoundError
    from lxml.etree import LxmlError

    _check_size(content)
    try:
        document = docx.Document(io.BytesIO(content))
        yield from sections(_lines(document))
    except (PackageNotFoundError, LxmlError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise NotReadable(f"not_readable: no whole DOCX ({type(error).__name__})") from error


def _check_size(content: bytes) -> None:
    """Refuse a file whose declared sizes are too large; zipfile cuts parts that are larger than declared."""
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise NotReadable("encrypted: it asks for a password, or is an old .doc")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
    except zipfile.BadZipFile as error:
        raise NotReadable("truncated_file: no whole DOCX") from error
    if unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(len(content), 1 << 16):
        raise NotReadable(f"too_large: expands to {unpacked >> 20} MiB (a zip bomb?)")


def _lines(document: Any) -> Iterator[tuple[str, bool]]:
    from docx.table import Table

    for item in document.iter_inner_content():
        if isinstance(item, Table):
            for row in item.rows:
                yield " | ".join(cell.text.strip() for cell in row.cells), False
        else:
            style = item.style.name if item.style is not None else ""
            yield item.text, bool(style.startswith(("Heading", "Title")) and item.text.strip())
        yield "", False
