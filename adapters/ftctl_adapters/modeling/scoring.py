"""Log-probabilities of trained tokens, in batches of similar lengths, with shared prefixes computed once."""

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from ftctl.domain.encoded import IGNORED, Encoded
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.modeling.loss import ordinary, token_losses

BATCH_TOKENS = 2048
"""Padding included; a longer sequence is a batch of its own. Larger batches leave the cores' caches."""

PACKED = 1024
"""Tokens of one beginning, and of a sequence of several endings, at most: attention looks at all pairs of them."""

MOVED = 1e-3
"""How far an ending's sum may move, in nats a token, when another that stands beside it is changed."""

NOISE = {"torch.float32": 1e-3, "torch.bfloat16": 0.1, "torch.float16": 0.02}
"""How far two ways to the same sum may be apart, in nats a token, before one of them is wrong."""


@frozen
class Shared:
    """Sequences with a shared prefix: their indices, and their endings."""

    beginning: tuple[int, ...]
    places: tuple[int, ...]
    endings: tuple[tuple[int, ...], ...]

    @property
    def length(self) -> int:
        """Number of tokens, the shared beginning counted once."""
        return len(self.beginning) + sum(map(len, self.endings))


class Scorer:
    """Scorer of one model; the first endings show whether it can take several side by side."""

    def __init__(self, model: Any, pad_id: int) -> None:
        core = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._model, self._core, self._pad_id = model, core, pad_id
        self._shares: bool | None = None
        self._prepared = False

    def score(self, rows: Sequence[Encoded]) -> list[float]:
        """Return the sum of natural-log probabilities over the trained tokens of each sequence."""
        import torch

        from ftctl_adapters.kernels.patching import kernels_within

        self._prepare()
        found = [0.0] * len(rows)
        cut = [_cut(row) for row in rows]
        groups = _shared(cut) if self._shares is not False else []
        with torch.inference_mode(), kernels_within(self._model):
            if groups and self._shares is None:
                self._shares = self._agrees(max(groups, key=lambda one: one.length), cut)
            taken = groups if self._shares else []
            for batch in _batches(taken, [one.length for one in taken]):
                for place, value in self._packed(batch):
                    found[place] = value
            done = {place for group in taken for place in group.places}
            rest = [place for place in range(len(cut)) if place not in done]
            for places in _batches(rest, [len(cut[place].ids) for place in rest]):
                for place, value in zip(places, self._plain([cut[place] for place in places]), strict=True):
                    found[place] = value
        return found

    def _prepare(self) -> None:
        """Prepare the model once: compute the last layer only where scores are asked for, if that is exact.

        Where attention is known too, no layer works on padding.
        """
        from ftctl_adapters.kernels.patching import install_asked

        if self._prepared:
            return
        self._prepared = True
        if ordinary(self._model):
            self._shares = False
        else:
            install_asked(self._core.get_decoder())
            self._shares = False if _windowed(self._core.config) else None

    def _plain(self, rows: Sequence[Encoded]) -> list[float]:
        import torch

        losses, chosen = token_losses(self._model, collate(rows, self._pad_id))
        sums = torch.zeros(chosen.shape, dtype=torch.float64).masked_scatter(chosen, losses.double()).sum(dim=1)
        return [-float(one) for one in sums]

    def _agrees(self, group: Shared, rows: Sequence[Encoded]) -> bool:
        """Return True if endings side by side score as they do alone; some architectures ignore the mask.

        In 16 bits both ways differ by rounding, which hides a state that passes from one ending to the next. So the
        first ending is changed too, and no other may notice.
        """
        noise = NOISE.get(str(self._core.dtype), 1e-3)
        size = self._core.get_input_embeddings().weight.shape[0]
        try:
            packed, beside_another = dict(self._packed([group])), dict(self._packed([_first_changed(group, size)]))
        except (RuntimeError, ValueError, TypeError):
            return False
        others = list(zip(group.places, group.endings, strict=True))[1:]
        if any(abs(packed[place] - beside_another[place]) > MOVED * len(ending) for place, ending in others):
            return False
        alone = self._plain([rows[place] for place in group.places])
        return all(
            abs(packed[place] - value) <= noise * len(ending)
            for place, value, ending in zip(group.places, alone, group.endings, strict=True)
        )

    def _packed(self, groups: Sequence[Shared]) -> Iterator[tuple[int, float]]:
        import torch

        from ftctl_adapters.kernels.frozen_weight import frozen_weight
        from ftctl_adapters.kernels.head_loss import head_losses
        from ftctl_adapters.kernels.last_layer import states_at
        from ftctl_adapters.kernels.row_gather import rounded

        length = rounded(max(group.length for group in groups))
        ids = torch.full((len(groups), length), self._pad_id)
        positions = torch.zeros((len(groups), length), dtype=torch.long)
        owners = torch.full((len(groups), length), -1)
        asked: list[int] = []
        told: list[int] = []
        targets: list[int] = []
        sizes: list[int] = []
        for row, group in enumerate(groups):
            first = len(group.beginning)
            ids[row, :first], owners[row, :first] = torch.tensor(group.beginning), 0
            positions[row, :first] = torch.arange(first)
            start, last = first, len(asked)
            asked.append(row * length + first - 1)
            for number, ending in enumerate(group.endings, 1):
                end = start + len(ending)
                ids[row, start:end], owners[row, start:end] = torch.tensor(ending), number
                positions[row, start:end] = torch.arange(first, first + len(ending))
                told += [last, *range(len(asked), len(asked) + len(ending) - 1)]
                asked += range(row * length + start, row * length + end - 1)
                targets += ending
                sizes.append(len(ending))
                start = end
        decoder, head = self._core.get_decoder(), self._core.get_output_embeddings()
        given = {"input_ids": ids, "position_ids": positions, "attention_mask": _mask(owners, self._core.dtype)}
        hidden = states_at(decoder, torch.tensor(asked), **given)[torch.tensor(told)]
        losses = head_losses(hidden, frozen_weight(head), torch.tensor(targets)).double().split(sizes)
        places = [place for group in groups for place in group.places]
        return zip(places, (-float(one.sum()) for one in losses), strict=True)


def _first_changed(group: Shared, vocabulary: int) -> Shared:
    """Return the group with other tokens in its first ending."""
    first, *others = group.endings
    return Shared(group.beginning, group.places, (tuple((token + 7) % vocabulary for token in first), *others))


def _windowed(config: Any) -> bool:
    """Return True if a layer has sliding-window attention, which our own mask would not have."""
    told = config.get_text_config()
    window = getattr(told, "sliding_window", None) or getattr(told, "attention_chunk_size", None)
    return bool(window) and getattr(told, "use_sliding_window", True)


def _mask(owners: Any, dtype: Any) -> Any:
    """Return a mask (rows, 1, length, length): each position sees the prefix and its own ending before it."""
    import torch

    length = owners.shape[1]
    before = torch.ones(length, length, dtype=torch.bool).tril()
    same = (owners[:, :, None] == owners[:, None, :]) | (owners[:, None, :] == 0)
    seen = (before & same) | torch.eye(length, dtype=torch.bool)
    return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[:, None]


def _cut(row: Encoded) -> Encoded:
    """Cut after the last trained token, since nothing depends on the rest."""
    end = max(place for place, label in enumerate(row.labels) if label != IGNORED) + 1
    return Encoded(row.where, row.ids[:end], row.labels[:end], row.starts)


def _shared(rows: Sequence[Encoded]) -> list[Shared]:
    """Yield groups of two or more sequences with a shared prefix, in pieces of bounded length."""
    found: dict[tuple[int, ...], list[int]] = {}
    for place, row in enumerate(rows):
        first = next((n for n, label in enumerate(row.labels) if label != IGNORED), 0)
        if 0 < first <= PACKED and row.starts == (0,) and IGNORED not in row.labels[first:]:
            found.setdefault(row.ids[:first], []).append(place)
    pieces = []
    for beginning, places in found.items():
        piece: list[int] = []
        for place in places:
            taken = sum(len(rows[one].ids) - len(beginning) for one in (*piece, place))
            if piece and len(beginning) + taken > PACKED:
                pieces.append((beginning, piece))
                piece = []
            piece.append(place)
        pieces.append((beginning, piece))
    return [
        Shared(beginning, tuple(piece), tuple(rows[place].ids[len(beginning) :] for place in piece))
        for beginning, piece in pieces
        if len(piece) > 1
    ]


def _batches(items: Sequence[Any], lengths: Sequence[int]) -> Iterator[list[Any]]:
    """Yield batches, the longest first, of bounded size with padding."""
    batch: list[Any] = []
    longest = 0
    for place in sorted(range(len(items)), key=lambda place: -lengths[place]):
        if batch and (len(batch) + 1) * longest > BATCH_TOKENS:
            yield batch
            batch = []
        longest = lengths[place] if not batch else longest
        batch.append(items[place])
    if batch:
        yield batch
