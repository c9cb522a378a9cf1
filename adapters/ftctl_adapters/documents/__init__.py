"""Readers of PDF, DOCX, HTML, Markdown and text, section by section."""
