"""Databases to read: a SQLite file, and a PostgreSQL of the tests' own on loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import fill


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'rows.db'}"
    fill(url)
    monkeypatch.setenv("TEST_DB", url)
    return url


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL, ended afterwards.

    PostgreSQL refuses to run as root, and pytest shuts its own folders to other users whenever it starts, that of a
    session that goes on beside it among them: the data lie in a folder of their own.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs += [Path(found).parent for found in [shutil.which("initdb")] if found]
    if not programs:
        pytest.skip("PostgreSQL is not installed here; Debian has it as the package postgresql")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="ftctl-sql-"))
    if as_user:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, tool = folder / "data", programs[-1]
    subprocess.run([*as_user, tool / "initdb", "-D", data, "-U", "reader", "-A", "trust"], check=True, cwd=folder,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    given = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [*as_user, tool / "pg_ctl", "-D", data, "-l", folder / "log", "-w"]
    subprocess.run([*control, "-o", given, "start"], check=True, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield f"postgresql+psycopg://reader:very-secret@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "fast", "stop"], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)


@pytest.fixture
def postgresql(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    fill(server)
    monkeypatch.setenv("TEST_DB", server)
    return server
