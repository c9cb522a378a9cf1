"""Check the order of data operators before a row is read."""

from collections.abc import Sequence

from ftctl.plugin.capabilities import DEDUPLICATES, DERIVES, MASKS, NETWORK, SEALS, SPLITS
from ftctl.plugin.offer import Offer


def misplaced(steps: Sequence[Offer]) -> list[str]:
    """List operators that cannot stand at their place, one line each."""
    splits = [place for place, offer in enumerate(steps) if SPLITS in offer.capabilities]
    # without one, the split is put in before the first operator that makes rows
    split = splits[0] if splits else _first(steps, DERIVES)
    mask = _first(steps, MASKS)
    problems = [f"data_steps[{place}]: more than one `split`; keep one" for place in splits[1:]]
    for place, offer in enumerate(steps):
        named = f"data_steps[{place}]: {offer.name}"
        if NETWORK in offer.capabilities and mask > place:
            problems.append(f"{named} sends rows to another machine; put {{use: pii}} before it")
        if DEDUPLICATES in offer.capabilities and place > split:
            problems.append(f"{named} must come before the split, or duplicates could be in two splits")
        if SEALS in offer.capabilities and place < len(steps) - 1:
            problems.append(f"{named} must come last: it encrypts what is written of rows")
        if DERIVES in offer.capabilities and place < split:
            problems.append(f"{named} makes rows and must come after the split: it is given the train split alone")
    return problems


def _first(steps: Sequence[Offer], capability: str) -> int:
    """Return the place of the first step with this capability; the number of steps if none has it."""
    return next((place for place, offer in enumerate(steps) if capability in offer.capabilities), len(steps))
