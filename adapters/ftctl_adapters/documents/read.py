"""Read documents by their file extension."""

import re
from collections.abc import Callable, Iterator

from attrs import evolve

from ftctl_adapters.documents.docx import docx_parts
from ftctl_adapters.documents.headed import markdown_parts, text_parts
from ftctl_adapters.documents.html import html_parts
from ftctl_adapters.documents.pdf import pdf_parts
from ftctl_adapters.documents.section import NotReadable, Part, Section, Unreadable
from ftctl_adapters.records.line_reader import readable
from ftctl_adapters.records.locations import Place

MAX_BYTES = 256 << 20
"""A document is read whole."""

KINDS: dict[str, Callable[[bytes], Iterator[Part]]] = {
    ".pdf": pdf_parts,
    ".docx": docx_parts,
    ".html": html_parts,
    ".htm": html_parts,
    ".md": markdown_parts,
    ".markdown": markdown_parts,
    ".txt": text_parts,
}


def read_document(place: Place) -> Iterator[Part]:
    """Yield the sections of a document in order; unreadable parts as `Unreadable`.

    Raises:
        DataSourceError: its file cannot be opened.
        ImportError: a library is missing.
    """
    with readable(place), place.open() as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        yield Unreadable("", f"too_large: over {MAX_BYTES >> 20} MiB")
        return
    found = False
    try:
        for part in KINDS[place.kind.lower()](content):
            found = True
            yield evolve(part, text=_plain(part.text)) if isinstance(part, Section) else part
    except NotReadable as error:
        yield Unreadable("", str(error))
        return
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # what a broken file does to a reader is not to be foreseen
        yield Unreadable("", f"not_readable: {type(error).__name__}")
        return
    if not found:
        yield Unreadable("", "empty: no text in it")


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _plain(text: str) -> str:
    """Return text without control characters; surrogate pairs are joined, lone halves replaced."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _CONTROL.sub("", whole)
