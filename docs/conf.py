"""How the pages become a site: ``nox -s site``."""

from ftctl import __version__

project = "ftctl"
author = "the authors of ftctl"
release = version = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["build"]
html_theme = "furo"
html_title = f"ftctl {__version__}"
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
nitpicky = True
