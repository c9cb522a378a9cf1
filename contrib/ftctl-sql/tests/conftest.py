"""Databases to read: a SQLite file, and a PostgreSQL of the tests' own on loopback."""

import os
import shutil
import socket
import subprocess
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
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL, ended afterwards."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs += [Path(found).parent for found in [shutil.which("initdb")] if found]
    if not programs:
        pytest.skip("PostgreSQL is not installed here; Debian has it as the package postgresql")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = tmp_path_factory.mktemp("postgresql")
    _reachable(folder)
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


def _reachable(folder: Path) -> None:
    """PostgreSQL refuses to run as root, and its own user must reach its folder."""
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        for parent in folder.parents:
            if parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)


@pytest.fixture
def postgresql(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    fill(server)
    monkeypatch.setenv("TEST_DB", server)
    return server
