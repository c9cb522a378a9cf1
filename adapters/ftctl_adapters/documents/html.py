"""HTML: the main text without menus and footers, by trafilatura; sections by its headings."""

import logging
from collections.abc import Iterator

from ftctl_adapters.documents.headed import markdown_parts
from ftctl_adapters.documents.section import NotReadable, Part


def html_parts(content: bytes) -> Iterator[Part]:
    """Text below every heading; nothing is fetched."""
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    try:
        text = trafilatura.extract(content, output_format="markdown", include_comments=False, include_tables=True,
                                   include_links=False, include_images=False, favor_recall=True)  # fmt: skip
    except (ValueError, RecursionError, LookupError) as error:
        raise NotReadable(f"not_readable: no HTML ({type(error).__name__})") from error
    yield from markdown_parts((text or "").encode())
