"""HTML: the main text without menus and footers, by trafilatura; sections by its headings."""

import logging
import re
from collections.abc import Iterator
from typing import Any

from ftctl_adapters.documents.headed import markdown_parts
from ftctl_adapters.documents.section import NotReadable, Part

ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|<>~-])")
"""What a Markdown writer escapes; the text of a page is no Markdown."""

HEADINGS = "//h1 | //h2 | //h3 | //h4 | //h5 | //h6"
AROUND = ("nav", "header", "footer", "aside", "script", "style", "template")
"""Parts of a body that are no part of its article."""


def html_parts(content: bytes) -> Iterator[Part]:
    """Text below every heading; nothing is fetched."""
    from lxml.etree import LxmlError

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    try:
        article = _as_article(content)
        # without an article in the page, trafilatura may leave out headings, lists and tables
        text = max((_extracted(page) for page in (content, article) if page is not None), key=len)
    except (ValueError, RecursionError, LookupError, LxmlError) as error:
        raise NotReadable(f"not_readable: no HTML ({type(error).__name__})") from error
    yield from markdown_parts(_unescaped(text).encode())


def _extracted(page: Any) -> str:
    import trafilatura

    text = trafilatura.extract(page, output_format="markdown", include_comments=False, include_tables=True,
                               include_links=False, include_images=False, favor_recall=True)  # fmt: skip
    return text or ""


def _as_article(content: bytes) -> Any:
    """Return the page with its body as an article; None where it has one, or no heading."""
    import lxml.html

    page = lxml.html.document_fromstring(content)
    body = page.find("body")
    if body is None or page.xpath("//article | //main") or not page.xpath(HEADINGS):
        return None
    article = lxml.html.Element("article")
    article.text = body.text
    for part in [part for part in body if part.tag not in AROUND]:
        article.append(part)
    body.text = None
    body.append(article)
    return page


def _unescaped(text: str) -> str:
    """Return the text as it stands in the page, line by line; a heading keeps its marks."""
    return ESCAPED.sub(r"\1", text)
