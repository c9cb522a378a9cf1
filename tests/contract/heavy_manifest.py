"""A manifest that imports what it should not."""

import numpy  # noqa: F401
