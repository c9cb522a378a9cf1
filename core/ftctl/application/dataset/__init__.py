"""The use case that builds a data set: source, operators, splits, ledger."""

from ftctl.application.dataset.build import build_dataset

__all__ = ["build_dataset"]
