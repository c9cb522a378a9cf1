"""Store token ids and labels of many sequences: written once, then memory-mapped."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from attrs import asdict, frozen

from ftctl.domain.encoded import IGNORED, Encoded
from ftctl.whole_file import write_whole
from ftctl_adapters.store.commit import commit_folder, entries

IDS, LABELS, LENGTHS = "ids.i4", "labels.i4", "lengths.i4"
"""Files of 32-bit integers in the machine's order, without a header: they are read where they were written."""

PLACES = "places.txt"
"""Where each sequence comes from, a line each, UTF-8."""

FILES = {IDS: "int32", LABELS: "int32", LENGTHS: "int32", PLACES: "uint8"}

MARK = "mark.json"


class Piece(NamedTuple):
    """A sequence: ``ids`` and ``labels`` as int32 arrays (length,), ``starts`` as in `Encoded`."""

    ids: Any
    labels: Any
    starts: tuple[int, ...] = (0,)

    @property
    def trained(self) -> int:
        """Number of trained tokens; the first token is never predicted."""
        return int((self.labels[1:] != IGNORED).sum())


@frozen(eq=False)
class Tokens:
    """``ids`` and ``labels`` (tokens,) int32 of all sequences one behind the other, ``lengths`` (sequences,) int64.

    ``ends`` (sequences + 1,) begins with 0; ``places`` (bytes,) uint8 holds the lines of `PLACES`.
    """

    ids: Any
    labels: Any
    lengths: Any
    ends: Any
    places: Any

    @staticmethod
    def of(sequences: Iterable[Encoded]) -> "Tokens":
        """Hold a few sequences in memory."""
        return _tokens(*arrays(sequences))

    @staticmethod
    def mapped(folder: Path) -> "Tokens":
        """Map the files that `TokenWriter` wrote; pages are read as they are used."""
        import numpy

        found = []
        for name, kind in FILES.items():
            empty = (folder / name).stat().st_size == 0
            mapped: Any = numpy.empty(0, kind) if empty else numpy.memmap(folder / name, kind, "r")
            found.append(mapped)
        return _tokens(*found)

    def __len__(self) -> int:
        return len(self.lengths)

    def piece(self, number: int) -> Piece:
        """Return one sequence."""
        part = slice(self.ends[number], self.ends[number + 1])
        return Piece(self.ids[part], self.labels[part])

    def where(self, numbers: Iterable[int]) -> list[str]:
        """Return where these sequences come from; reads the places of all."""
        lines = self.places.tobytes().decode().split("\n")
        return [lines[number] for number in numbers]

    def joined(self, numbers: list[int], *, separate: bool) -> Piece:
        """Join several sequences into one.

        ``separate``: none sees the others; positions begin again, and the first token of each is not predicted from
        the last one of the one before. Otherwise they are one text to the model.
        """
        import numpy

        pieces = [self.piece(number) for number in numbers]
        labels = numpy.concatenate([piece.labels for piece in pieces])
        starts = (0, *numpy.cumsum([len(piece.ids) for piece in pieces[:-1]]).tolist())
        if separate:
            labels[list(starts)] = IGNORED
        return Piece(numpy.concatenate([piece.ids for piece in pieces]), labels, starts if separate else (0,))


class TokenWriter:
    """Writer of sequences to a folder that appears when complete; marked parts survive a crash.

    One writer a folder at a time: hold its `turn`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._draft = folder, folder.parent / f".{folder.name}-draft"
        self._draft.mkdir(exist_ok=True)
        self.marked: dict[str, Any] = _read_mark(self._draft)
        """What was noted with the last mark of an earlier try; empty where nothing was."""
        self._files = [(self._draft / name).open("ab") for name in FILES]
        for file, size in zip(self._files, self.marked.get("sizes", [0] * len(FILES)), strict=True):
            file.truncate(size)
            file.seek(size)

    def mark(self, **noted: Any) -> None:
        """Flush what was appended so far, with a JSON document for the next try."""
        sizes = []
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
            sizes.append(file.tell())
        write_whole(self._draft / MARK, json.dumps({"sizes": sizes, **noted}))

    def append(self, *made: Any) -> None:
        """Append arrays of whole sequences, as `arrays` makes them."""
        for file, values in zip(self._files, made, strict=True):
            file.write(values.tobytes())

    def note(self, name: str, text: str) -> None:
        """Write a text file beside the tokens."""
        write_whole(self._draft / name, text)

    def commit(self) -> None:
        """Make the folder appear, with the hashes of its files."""
        self.leave()
        (self._draft / MARK).unlink(missing_ok=True)
        commit_folder(self._draft, self._folder, {"files": [asdict(entry) for entry in entries(self._draft)]})

    def discard(self) -> None:
        """Delete what was written."""
        self.leave()
        shutil.rmtree(self._draft, ignore_errors=True)

    def leave(self) -> None:
        """Close the files; the next writer continues after the last mark."""
        for file in self._files:
            file.close()


@contextmanager
def turn(folder: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Wait until no other process writes this folder; ``wait`` is called meanwhile, and may raise to stop."""
    with (folder.parent / f".{folder.name}.lock").open("wb") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                wait()
        yield


def _read_mark(draft: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((draft / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    sizes = [(draft / name).stat().st_size if (draft / name).exists() else 0 for name in FILES]
    # after a power cut a file can be shorter than what was marked
    return found if all(has >= size for has, size in zip(sizes, found["sizes"], strict=True)) else {}


def arrays(sequences: Iterable[Encoded]) -> tuple[Any, Any, Any, Any]:
    """Return ``ids``, ``labels`` (tokens,) and ``lengths`` (sequences,), int32, and ``places`` (bytes,), uint8."""
    import numpy

    listed = list(sequences)
    ids = numpy.fromiter((token for sequence in listed for token in sequence.ids), numpy.int32)
    labels = numpy.fromiter((label for sequence in listed for label in sequence.labels), numpy.int32)
    places = "".join(sequence.where.replace("\n", " ") + "\n" for sequence in listed)
    told = numpy.frombuffer(places.encode(errors="replace"), numpy.uint8)
    return ids, labels, numpy.array([len(sequence.ids) for sequence in listed], numpy.int32), told


def _tokens(ids: Any, labels: Any, lengths: Any, places: Any) -> Tokens:
    import numpy

    wide = numpy.asarray(lengths, numpy.int64)
    return Tokens(ids, labels, wide, numpy.concatenate([[0], numpy.cumsum(wide)]), places)
