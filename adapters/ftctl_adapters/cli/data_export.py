"""``ftctl data export``."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from ftctl.domain.example import Example
from ftctl.errors import UsageError
from ftctl_adapters.cli.options import workspace_option

if TYPE_CHECKING:
    from ftctl_adapters.records.encrypted_files import KeyPlace

FORMATS = ("jsonl", "label-studio", "argilla", "form")
ENDINGS = {"jsonl": (".jsonl",), "form": (".csv", ".html")}
"""Of file names; JSON unless told."""


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("dataset", required=False)
@click.option("--split", default="train", show_default=True, type=click.Choice(["train", "validation", "test"]))
@click.option("--format", "form", default="jsonl", show_default=True, type=click.Choice(FORMATS))
@click.option("--key-env", metavar="NAME", help="Encrypt it with the key in this variable: 64 hexadecimal digits.")
@click.option("--key-file", metavar="PATH", help="The same, with the key in this file.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@workspace_option
def command(
    out: Path,
    dataset: str | None,
    split: str,
    form: str,
    key_env: str | None,
    key_file: str | None,
    force: bool,
    workspace: Path,
) -> None:
    """Write a split of DATASET to OUT, for other tools; DATASET left out: the newest one.

    Annotations (`metadata.annotations`) go to Label Studio and Argilla as every annotator gave them, and come back by
    naming the export in `data_source`. A form, CSV or a page, asks people what should be answered, and comes back by
    the step `gold-answers`. An encrypted file is called `….enc` and is read where its key is named.
    """
    from ftctl.plugin.dataset import read_split
    from ftctl_adapters.cli.data_sets import found_in, store_of
    from ftctl_adapters.records.encrypted_files import key_place

    if out.exists() and not force:
        raise UsageError(f"{out} is there already", next_step="--force replaces it")
    key = key_place(key_env, key_file)
    if bool(key) != (out.suffix == ".enc"):
        raise UsageError("an encrypted file is called ….enc, and no other", next_step="--key-env NAME and OUT.enc")
    endings = ENDINGS.get(form, (".json",))
    if not out.name.removesuffix(".enc").endswith(endings):
        raise UsageError(f"{out}: what is written as {form} ends in {' or '.join(endings)}, with .enc or without")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} is not there", next_step="make it first")
    data = found_in(store_of(workspace), dataset)
    half = out.with_name(f".{out.name}.{os.getpid()}.half")
    try:
        with _opened(half, key) as file:
            write = _form(out) if form == "form" else _lines(form)
            count = write(file.write, read_split(data, split))
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)
    print(f"{count} rows of {data.id} {split} in {out}")


@contextmanager
def _opened(path: Path, key: "KeyPlace | None") -> Iterator[IO[bytes]]:
    """Open a file for writing; it is on disk when closed."""
    from ftctl_adapters.records.encrypted_files import Sealing

    with path.open("wb") as file:
        if key is None:
            yield file
            file.flush()
            os.fsync(file.fileno())
            return
        with Sealing(file, key.key()) as sealing:
            yield sealing  # type: ignore[misc] # a raw file, which is all that is needed


Writing = Callable[[Callable[[bytes], Any], Iterator[Example]], int]
"""Writes rows, and says how many."""


def _form(out: Path) -> Writing:
    """Return a form to be filled in, as CSV or HTML."""
    from ftctl_adapters.records.gold import csv_form, html_form, item_of

    made = html_form if out.name.removesuffix(".enc").endswith(".html") else csv_form

    def write(to: Callable[[bytes], Any], rows: Iterator[Example]) -> int:
        told = list(rows)
        to(made(iter(told)).encode("utf-8", "replace"))
        return len({item_of(row) for row in told})

    return write


def _lines(form: str) -> Writing:
    """Yield JSONL, or one JSON array of tasks or records, as their tools import them."""
    return partial(_array, form) if form != "jsonl" else _each


def _each(write: Callable[[bytes], Any], rows: Iterator[Example]) -> int:
    from ftctl_adapters.records.annotations import portable

    return sum(1 for row in rows if write(json.dumps(portable(row), ensure_ascii=False).encode() + b"\n"))


def _array(form: str, write: Callable[[bytes], Any], rows: Iterator[Example]) -> int:
    from ftctl_adapters.records.annotations import argilla_record, label_studio_task

    number = 0
    made = label_studio_task if form == "label-studio" else argilla_record
    write(b"[")
    for number, row in enumerate(rows, 1):
        write((b"" if number == 1 else b",\n") + json.dumps(made(row, number), ensure_ascii=False).encode())
    write(b"]\n")
    return number
