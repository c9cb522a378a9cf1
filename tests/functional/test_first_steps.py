"""A newcomer's way: tables are told for what they are, groups alone list, a stopped run says how to go on."""

import csv
import json
from pathlib import Path

import pytest

from ftctl.application.run_file_defaults import KEYS
from tests.conftest import Ftctl

NAMED = ("Frage", "Antwort")


def table(path: Path, delimiter: str, encoding: str, rows: int = 40) -> None:
    with path.open("w", newline="", encoding=encoding) as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(NAMED)
        writer.writerows([f"Wie groß ist {n}{delimiter} zweimal?", f"Es ist {2 * n} – gewiß."] for n in range(rows))


def test_a_table_that_declares_its_delimiter_is_read_by_it(ftctl: Ftctl, tmp_path: Path) -> None:
    table(tmp_path / "plain.csv", ";", "utf-8")
    (tmp_path / "my.csv").write_text("sep=;\n" + (tmp_path / "plain.csv").read_text())
    shown = ftctl("data", "my.csv")
    assert shown.returncode == 0, shown.stderr
    assert "cells divided by ';'" in shown.stdout
    assert "0 refused" in shown.stdout


@pytest.mark.parametrize(("delimiter", "told"), [(";", "';'"), ("\t", "a tab"), ("|", "'|'"), (",", "','")])
@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_told_for_what_it_is_and_what_is_shown_can_be_copied(
    ftctl: Ftctl, tmp_path: Path, delimiter: str, told: str, encoding: str
) -> None:
    table(tmp_path / "my.csv", delimiter, encoding)
    shown = ftctl("data", "my.csv")
    assert shown.returncode == 0, shown.stderr
    first, *_, block = [*shown.stdout.partition("\n")[::2], shown.stdout]
    assert f"cells divided by {told} and quoted by" in first
    assert "names in the first line" in first
    assert "user: Wie groß ist 0" in shown.stdout
    (tmp_path / "run.yaml").write_text(
        "model: builtin:tiny\ndata_source:" + block.partition("\ndata_source:")[2], encoding="utf-8"
    )
    built = ftctl("data", "run.yaml", "--json")
    assert built.returncode == 0, built.stderr


def test_a_refused_table_names_its_columns_and_how_to_map_them(ftctl: Ftctl, tmp_path: Path) -> None:
    table(tmp_path / "my.csv", ",", "utf-8")
    refused = ftctl("data", "build", "--data-source", "csv", "--set", "data_source.path=my.csv")
    assert refused.returncode == 3
    assert "`ftctl data preview my.csv` shows its columns, and guesses a mapping to copy" in refused.stderr
    assert "keys Antwort, Frage" in refused.stderr
    assert "skip_invalid" not in refused.stderr, "nobody is advised to skip every row"


@pytest.mark.parametrize(
    ("group", "head"), [("runs", "run"), ("env", "name"), ("plugins", "port"), ("data", "data set")]
)
def test_a_group_alone_lists(ftctl: Ftctl, group: str, head: str) -> None:
    done = ftctl(group)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(head)


def test_a_run_file_that_is_not_used_is_named(ftctl: Ftctl, tmp_path: Path) -> None:
    assert "is not used" not in ftctl("run", "--dry-run").stderr
    (tmp_path / "other.yaml").write_text("name: x\n")
    assert "is not used" not in ftctl("run", "--dry-run").stderr
    (tmp_path / "run.yaml").write_text("seed: 1\nmodel: builtin:tiny\n")
    told = ftctl("run", "--dry-run").stderr
    assert "run.yaml in this folder is not used: no run file was named; `ftctl run run.yaml` runs it" in told
    assert "is not used" not in ftctl("run", "run.yaml", "--dry-run").stderr


def test_a_run_that_ended_says_where_it_stands_and_how_to_go_on(ftctl: Ftctl, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n" * 20)
    ended = ftctl("data", "build", "--data-source", "jsonl", "--set", "data_source.path=rows.jsonl")
    assert ended.returncode == 3
    (run,) = json.loads(ftctl("runs", "list", "--json").stdout)
    shown = ftctl("runs", "show", run["run_id"]).stdout
    assert "ended by: 20 of 20 rows cannot be used [rows-invalid]" in shown
    assert "stands in data" in shown
    assert f"go on: ftctl runs resume {run['run_id']}" in shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9/v1", "nothing listens at that address"),
        ("http://nosuch.invalid/v1", "no machine has that name"),
        ("https://127.0.0.1:9/v1", "nothing listens at that address"),
    ],
)
@pytest.mark.parametrize("command", ["chat", "bench-serve"])
def test_errors_of_the_network_are_plain_words(ftctl: Ftctl, url: str, said: str, command: str) -> None:
    refused = ftctl(command, url)
    assert refused.returncode == 6
    assert said in refused.stderr
    assert "URLError" not in refused.stderr
    assert "Errno" not in refused.stderr


def test_the_schema_describes_every_key_with_its_type(ftctl: Ftctl) -> None:
    document = json.loads(ftctl("config", "schema", "--json").stdout)
    assert [key["name"] for key in document["run file"]] == list(KEYS)
    for section, keys in document.items():
        for key in keys:
            assert key["help"].strip(), f"{section}.{key['name']}"
            assert "NoneType" not in key["type"], f"{section}.{key['name']}"


def test_a_step_that_drops_much_is_told_with_examples(ftctl: Ftctl, tmp_path: Path) -> None:
    asked = "What is the capital of country number {} in this long list of all the countries of the world{}"
    rows = [{"prompt": asked.format(n // 4, "?!.:"[n % 4]), "completion": f"City {n // 4}."} for n in range(40)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shares = ("--set", "data_source.split={validation: 0, test: 0}")
    command = ("data", "build", "--data-source", "jsonl", "--set", "data_source.path=rows.jsonl", *shares)
    assert "dropped" not in ftctl(*command).stderr
    told = ftctl(*command, "--set", "data_steps=[{use: dedup-near}]").stderr
    (line,) = [one for one in told.splitlines() if "dedup-near dropped" in one]
    assert line.count("near-duplicate") == 3
    assert "`ftctl data why rows.jsonl:" in line
