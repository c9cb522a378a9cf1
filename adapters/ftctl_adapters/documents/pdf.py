"""PDF: a section a page, by pypdf."""

import io
import logging
from collections.abc import Iterator

from ftctl_adapters.documents.section import NotReadable, Part, Section, Unreadable

PAGE_BYTES = 64 << 20
"""What the content of a page may expand to."""


def pdf_parts(content: bytes) -> Iterator[Part]:
    """Text of every page; a page that is a picture has none, and says so."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise NotReadable("encrypted: it asks for a password")
        for number, page in enumerate(reader.pages, 1):
            contents = page.get_contents()
            if contents is not None and len(contents.get_data()) > PAGE_BYTES:
                yield Unreadable(f"page {number}", f"too_large: over {PAGE_BYTES >> 20} MiB on one page")
                continue
            text = page.extract_text().replace("\x00", "").strip()
            if text:
                yield Section(f"page {number}", text)
            else:
                yield Unreadable(f"page {number}", "no_text_layer: a picture, or empty")
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        said = "truncated_file" if not content.rstrip().endswith(b"%%EOF") else "not_readable"
        raise NotReadable(f"{said}: no whole PDF ({type(error).__name__})") from error
