"""Run files: strict YAML in, readable YAML out, and the embedded default."""
