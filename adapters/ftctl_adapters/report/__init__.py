"""A run written down for people: Markdown and one self-contained page."""
