"""How a model artifact is stored, and what that promises about its answers."""

HF = "hf"
PEFT_ADAPTER = "peft-adapter"
BNB_INT8 = "bnb-int8"

ADAPTERS = frozenset({PEFT_ADAPTER})
"""Formats that are only whole together with their base model."""

LOSSLESS = frozenset({HF, PEFT_ADAPTER})
"""Formats whose greedy answers must equal those of the tuned model."""
