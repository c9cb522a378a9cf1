"""Test kit for plugins: a tiny model and data here, `contracts`, in-memory `fakes`."""

from ftctl.testing.samples import phrases, phrases_dataset, tiny_model, tiny_shape

__all__ = ["phrases", "phrases_dataset", "tiny_model", "tiny_shape"]
