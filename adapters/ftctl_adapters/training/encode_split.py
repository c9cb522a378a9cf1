"""Tokenise a split to disk: once a run, in constant memory, by as many processes as pay off."""

import functools
import json
import multiprocessing
import os
import shutil
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from attrs import define

from ftctl.domain.artifact import Artifact
from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.event import PROGRESS_MADE, WARNING_RAISED
from ftctl.domain.example import Example
from ftctl.errors import ConfigInvalid, Interrupted
from ftctl.faults import fault
from ftctl.plugin import count_rows, read_split
from ftctl.ports import Objective, StageContext
from ftctl_adapters.modeling.encoder import ExampleEncoder
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.store.commit import is_whole
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.prepare import Account, prepare
from ftctl_adapters.training.tokens import Tokens, TokenWriter, arrays, turn
from ftctl_adapters.training.training_rows import Rows

CHUNK = 1000
"""Examples at a time."""

MARKED = 20
"""Chunks after which what was encoded is made safe: so many a crash can cost."""

WORTH = 50_000
"""Examples from which on further processes pay: each needs seconds to start."""

AHEAD = 4
"""Chunks a process that may wait for their turn."""

POLL_SECONDS = 0.2
"""Between two looks whether another process has made the same tokens."""

ACCOUNT = "account.json"


@define
class Encoding:
    """Settings of tokenisation: all that a further process needs.

    Rows are no longer than ``max_length`` of the options, nor than the model's ``context``; 0: unknown.
    """

    folder: str
    objective: Objective
    options: TrainingOptions
    context: int = 0

    @property
    def limit(self) -> int:
        """Return the largest number of tokens of a row."""
        return min(self.options.max_length, self.context or self.options.max_length)

    def chunk(self, tokenizer: ChatTokenizer, examples: list[Example]) -> tuple[Any, int, Account]:
        """Encode a chunk: arrays as by `arrays`, sequences a row, and the examples' states."""
        encoder = ExampleEncoder(tokenizer, self.options.loss_on, self.options.template_drops)
        rows, account = prepare(examples, self.objective, encoder, self.options, self.limit)
        account.lost = encoder.lost
        together = len(rows[0]) if rows else 0
        return arrays(sequence for row in rows for sequence in row), together, account


def encoded_split(
    encoding: Encoding, tokenizer: ChatTokenizer, data: Artifact, split: str, kept: Path, context: StageContext
) -> tuple[Rows, Account]:
    """Return the rows of a split, or a part of them, from the folder ``kept`` if an earlier try made them.

    Raises:
        LabelsInvalid: examples that must not be trained as they are.
        NoUsableRows: nothing is left.
        ConfigInvalid: the objective has several sequences a row, which cannot be packed.
        Interrupted: asked to stop.
    """
    if not is_whole(kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with turn(kept, partial(_waited, context, [])):
            if not is_whole(kept):
                _drop(kept, context)
                _write(encoding, tokenizer, data, split, kept, context)
    document = json.loads((kept / ACCOUNT).read_text(encoding="utf-8"))
    account = from_plain(document["account"], Account)
    rows = Rows(Tokens.mapped(kept), document["together"])
    if encoding.options.packing and rows.together > 1:
        raise ConfigInvalid("tuner.packing: this objective compares whole sequences, which cannot be packed")
    if encoding.options.packing and split == "train":
        rows = rows.packed(encoding.limit, separate=encoding.options.packing_attention == "separate")
    return rows, account


def _drop(kept: Path, context: StageContext) -> None:
    """Delete tokens that are not what was written, and say so; nothing where there are none."""
    if kept.exists():
        context.emit(WARNING_RAISED, message=f"{kept} is damaged: the tokens in it are made again")
        shutil.rmtree(kept)


def _waited(context: StageContext, told: list[str]) -> None:
    """Wait a moment for another process that makes the same tokens; ``told`` is the last message about it."""
    context.stop_if_cancelled()
    if not told:
        told.append("another run makes the same tokens; this one waits for them")
        context.emit(WARNING_RAISED, message=told[0])
    time.sleep(POLL_SECONDS)


def _write(
    encoding: Encoding, tokenizer: ChatTokenizer, data: Artifact, split: str, kept: Path, context: StageContext
) -> None:
    writer = TokenWriter(kept)
    try:
        document = _append(encoding, tokenizer, data, split, writer, context)
    except BrokenProcessPool:
        writer.leave()
        # a signal to the whole group ends the other processes first
        context.stop_if_cancelled()
        raise
    except Interrupted:
        writer.leave()
        raise
    except BaseException:
        writer.discard()
        raise
    writer.note(ACCOUNT, json.dumps(document))
    writer.commit()


def _append(
    encoding: Encoding, tokenizer: ChatTokenizer, data: Artifact, split: str, writer: TokenWriter, context: StageContext
) -> dict[str, Any]:
    """Encode the remaining examples, and return the account of all."""
    total, marked = count_rows(data, split), writer.marked
    account = from_plain(marked["account"], Account) if marked else Account()
    together, begun = marked.get("together", 1), marked.get("chunks", 0)
    examples = islice(read_split(data, split), begun * CHUNK, None)
    encoded = _encoded(encoding, tokenizer, _chunks(examples), total)
    for number, (found, sequences_a_row, more) in enumerate(encoded, begun + 1):
        context.stop_if_cancelled()
        writer.append(*found)
        account.add(more)
        together = sequences_a_row or together
        if number % MARKED == 0:
            writer.mark(chunks=number, account=to_plain(account), together=together)
            fault("tokens.marked")
        if total >= WORTH:
            context.emit(PROGRESS_MADE, done=sum(account.states.values()), total=total, unit="rows encoded")
    account.settle(encoding.options, split, encoding.context)
    return {"account": to_plain(account), "together": together}


def _encoded(
    encoding: Encoding, tokenizer: ChatTokenizer, chunks: Iterable[list[Example]], total: int
) -> Iterator[tuple[Any, int, Account]]:
    """Yield encoded chunks in order; only a few exist at a time."""
    processes = os.cpu_count() or 1
    if total < WORTH or processes == 1:
        for examples in chunks:
            yield encoding.chunk(tokenizer, examples)
        return
    # a process that holds torch and its threads must not be forked
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        waiting: deque[Future[tuple[Any, int, Account]]] = deque()
        for examples in chunks:
            waiting.append(pool.submit(_in_process, encoding, examples))
            if len(waiting) > AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _in_process(encoding: Encoding, examples: list[Example]) -> tuple[Any, int, Account]:
    return encoding.chunk(_tokenizer(encoding.folder), examples)


@functools.cache
def _tokenizer(folder: str) -> ChatTokenizer:
    """Load the tokenizer once a process, since it takes seconds."""
    return ChatTokenizer(folder)


def _chunks(examples: Iterator[Example]) -> Iterator[list[Example]]:
    while chunk := list(islice(examples, CHUNK)):
        yield chunk
