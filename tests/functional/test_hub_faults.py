"""Downloads from the hub that break off, are refused for a while, bring other bytes, or would not fit."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import bare_environment
from tests.hub_standin import HubStandIn, serving_hub
from tests.unit.test_processes import wait_for

pytest.importorskip("huggingface_hub")
NAME = "model.safetensors"
CONTENT = bytes(range(256)) * 80_000
PIECE = 10 * 2**20
"""Bytes that huggingface_hub writes at once."""
FETCH = """
import shutil, sys
from types import SimpleNamespace
from ftctl.errors import FtctlError
from ftctl_adapters.hub.fetch import fetch
from ftctl_adapters.hub.listing import listing
if "--full" in sys.argv:
    shutil.disk_usage = lambda path: SimpleNamespace(free=1000)
try:
    print(fetch(listing("acme/big", "model", None), [name for name in sys.argv[1:] if name != "--full"]))
except FtctlError as error:
    print(type(error).__name__, error.what)
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubStandIn]:
    with serving_hub(tmp_path / "hub") as hub:
        (hub.repository("model", "acme/big") / NAME).write_bytes(CONTENT)
        yield hub


def environment(hub: HubStandIn, home: Path) -> dict[str, str]:
    told = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    return bare_environment() | told


def fetch(hub: HubStandIn, home: Path, *arguments: str, **env: str) -> str:
    command = [sys.executable, "-P", "-c", FETCH, *(arguments or (NAME,))]
    done = subprocess.run(command, env=environment(hub, home) | env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ranges(hub: HubStandIn) -> list[str]:
    return [one.range for one in hub.requests if one.method == "GET" and "/resolve/" in one.path]


def whole(folder: str) -> bool:
    return hashlib.sha256((Path(folder) / NAME).read_bytes()).digest() == hashlib.sha256(CONTENT).digest()


def test_a_download_that_broke_off_goes_on_where_it_was(hub: HubStandIn, tmp_path: Path) -> None:
    hub.cut = {NAME: PIECE + 300_000}
    assert whole(fetch(hub, tmp_path / "home"))
    assert ranges(hub) == ["", f"bytes={PIECE}-"]


def test_a_download_that_was_killed_keeps_the_files_that_are_whole(hub: HubStandIn, tmp_path: Path) -> None:
    (hub.repository("model", "acme/big") / "config.json").write_text("{}")
    hub.stuck = {NAME: 300_000}
    command = [sys.executable, "-P", "-c", FETCH, "config.json", NAME]
    struck = subprocess.Popen(command, env=environment(hub, tmp_path / "home"))
    assert wait_for(lambda: len(ranges(hub)) == 2 and list(tmp_path.glob("home/hub/*/snapshots/*/config.json")), 30)
    struck.kill()
    struck.wait()
    hub.stuck = {}
    hub.requests.clear()
    assert whole(fetch(hub, tmp_path / "home", "config.json", NAME))
    assert hub.downloads() == {NAME: 1}


def test_a_busy_hub_is_asked_again(hub: HubStandIn, tmp_path: Path) -> None:
    hub.busy = 2
    assert whole(fetch(hub, tmp_path / "home"))
    assert len(ranges(hub)) == 3


def test_other_bytes_than_announced_are_not_kept(hub: HubStandIn, tmp_path: Path) -> None:
    hub.spoilt = {NAME}
    said = fetch(hub, tmp_path / "home")
    assert said == f"BackendFailed model acme/big: {NAME} came with other bytes than the hub announced, and was removed"
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file() and path.stat().st_size > 1000]
    hub.spoilt = set()
    assert whole(fetch(hub, tmp_path / "home"))


def test_a_token_stays_with_the_hub(hub: HubStandIn, tmp_path: Path) -> None:
    with serving_hub(hub.root) as store:
        hub.store = store.url.replace("127.0.0.1", "localhost")
        assert whole(fetch(hub, tmp_path / "home", HF_TOKEN="hf_secret"))
    assert {one.token for one in hub.requests if "acme" in one.path} == {True}
    assert [one.token for one in store.requests] == [False]


def test_a_disk_without_room_is_refused_before_a_byte_comes(hub: HubStandIn, tmp_path: Path) -> None:
    said = fetch(hub, tmp_path / "home", NAME, "--full")
    assert said.startswith("DiskFull model acme/big: 20 MB to fetch, 0 MB free in ")
    assert ranges(hub) == []


def test_pickles_alone_are_refused_when_planned(hub: HubStandIn, tmp_path: Path, ftctl: Any) -> None:
    folder = hub.repository("model", "acme/pickled")
    (folder / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04" + bytes(4000))
    done = ftctl("run", "--model", "acme/pickled", "--dry-run", env=environment(hub, tmp_path / "home"))
    assert done.returncode == 4
    assert "acme/pickled: has only pickled weights (pytorch_model.bin), which run code when" in done.stderr
    assert "pytorch_model.bin" not in hub.downloads()
