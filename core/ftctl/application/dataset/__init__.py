"""Use case: build a data set from source, operators and splits, with a ledger."""

from ftctl.application.dataset.build import build_dataset

__all__ = ["build_dataset"]
