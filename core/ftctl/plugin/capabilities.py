"""Capabilities that an offer may declare beyond its port; a contract tests each declared one."""

BRIDGE = "bridge"
"""A compressor that the planner may insert on its own, because it loses nothing."""

NETWORK = "network"
"""A data source or operator that asks other machines; the contract watches that others ask none."""

DETERMINISTIC = "deterministic"
"""A tuner that makes the same files from the same seed, on the same machine."""

RESUME = "resume"
"""A tuner that ends with the same files whether or not it was stopped on the way."""

ACCUMULATES = "accumulates"
"""A tuner that takes the same steps with a batch at once and with its parts, one after another."""

VALIDATES = "validates"
"""A tuner that tells the validation loss of what it saves, as its last one."""

PREPARES = "prepares"
"""A tuner that checks the rows before anything long runs, and says what training will make of them."""

MASKS = "masks"
"""A data operator that takes personal data out of texts; what asks other machines comes after one."""

DEDUPLICATES = "deduplicates"
"""A data operator that leaves one of several rows that say the same; it comes before the split."""

SPLITS = "splits"
"""A data operator that says which split a row is in."""

DERIVES = "derives"
"""A data operator that makes further rows of those of the train split; it comes after the split."""

SEALS = "seals"
"""A data operator that encrypts what is written of rows; it comes last."""

OWN_CASES = "own-cases"
"""An evaluator that brings what it asks; the test split may be empty."""

SCORES = "scores"
"""An evaluator that asks how probable an answer is, or begins one; or a server that tells (`echo` and `logprobs`).

Most servers do not.
"""

GUARDED = "guarded"
"""A server that refuses requests addressed to another host, sent by pages of other sites, or with endless bodies."""

INSIDE = "inside"
"""An evaluator that looks into the model, at layers and gradients, or a loader that shows them; no server does."""

SERVER = "server"
"""An evaluator that measures a server and not the model behind it: only what is served is shown to it."""

OUTSIDE = "outside"
"""An evaluator beside the model, whose program lives in an environment of its own and asks over the loopback."""

BASE = "base"
"""An evaluator that asks the base model beside the one that it measures; a foreign server has none."""

CAPABILITIES = (
    BRIDGE,
    NETWORK,
    DETERMINISTIC,
    RESUME,
    ACCUMULATES,
    VALIDATES,
    PREPARES,
    MASKS,
    DEDUPLICATES,
    SPLITS,
    DERIVES,
    SEALS,
    OWN_CASES,
    SCORES,
    GUARDED,
    INSIDE,
    SERVER,
    OUTSIDE,
    BASE,
)
