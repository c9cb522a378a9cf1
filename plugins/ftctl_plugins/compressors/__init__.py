"""Compressors: quantisation, pruning, low rank, export."""
