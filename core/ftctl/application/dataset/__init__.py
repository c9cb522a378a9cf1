"""The use case that builds a data set: rows flow from the source through the operators into splits and a ledger."""

from ftctl.application.dataset.build import build_dataset

__all__ = ["build_dataset"]
