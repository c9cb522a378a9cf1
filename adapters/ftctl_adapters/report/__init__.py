"""Reports of runs: Markdown, one self-contained HTML page, JSON."""
