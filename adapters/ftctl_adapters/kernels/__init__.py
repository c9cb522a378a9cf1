"""Fast, exact replacements of transformer layers for training on a CPU, in plain torch."""
