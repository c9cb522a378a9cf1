"""For tests of plugins: a model and data to try, here; `ftctl.testing.contracts`; in-memory `ftctl.testing.fakes`."""

from ftctl.testing.samples import phrases, phrases_dataset, tiny_model, tiny_shape

__all__ = ["phrases", "phrases_dataset", "tiny_model", "tiny_shape"]
