"""Documents for tests, made as their programs would make them."""

import io
import zipfile
from collections.abc import Sequence


def pdf(pages: Sequence[str]) -> bytes:
    """Pages of text; an empty one has a picture's frame and no text."""
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file, invariant=1)
    for text in pages:
        if text:
            lines = canvas.beginText(72, 720)
            for line in text.split("\n"):
                lines.textLine(line)
            canvas.drawText(lines)
        else:
            canvas.rect(100, 100, 200, 200)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def locked_pdf(text: str) -> bytes:
    """It asks for a password."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([text]))))
    writer.encrypt("secret", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def docx(parts: Sequence[tuple[str, str]]) -> bytes:
    """Headings with a paragraph each, and a table behind the last."""
    import docx as library

    document = library.Document()
    for heading, text in parts:
        document.add_heading(heading, 1)
        document.add_paragraph(text)
    table = document.add_table(1, 2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "left", "right"
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def bomb() -> bytes:
    """A DOCX of a few kilobytes that would be 300 MB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as parts, parts.open("word/document.xml", "w") as stream:
        for _ in range(300):
            stream.write(b" " * (1 << 20))
    return file.getvalue()


HTML = """<html><head><title>Bells</title></head><body><nav><a href="/">Home</a> <a href="/x">Shop</a></nav>
<article><h1>How bells are cast</h1><p>{}</p><h2>Cooling</h2><p>{}</p></article>
<footer>Copyright and imprint</footer></body></html>"""
