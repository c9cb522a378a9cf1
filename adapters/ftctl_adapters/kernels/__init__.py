"""Faster ways to compute what a transformer computes, in plain torch, for training on a CPU."""
