"""Who watches a run."""
