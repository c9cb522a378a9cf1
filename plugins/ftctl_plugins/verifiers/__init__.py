"""Whether a server answers as the tuned model did."""
