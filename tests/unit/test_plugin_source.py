"""Digests of plugins' files."""

import json
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from ftctl.plugin.plugin_source import plugin_source


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PathDistribution, Path]:
    """A distribution with one module, which is importable."""
    folder = tmp_path / "outsider-1.0.dist-info"
    folder.mkdir()
    module = tmp_path / "outsider_plugin.py"
    module.write_text("ONE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "outsider_plugin", raising=False)
    return PathDistribution(folder), folder


def test_what_is_installed_anew_under_the_same_version_is_another(installed: tuple[PathDistribution, Path]) -> None:
    dist, folder = installed
    (folder / "RECORD").write_text("outsider_plugin.py,sha256=one,8\n../bin/tool,sha256=here,9\n")
    first = plugin_source(dist, "outsider_plugin")
    (folder / "RECORD").write_text("../bin/tool,sha256=there,9\noutsider_plugin.py,sha256=one,8\n")
    assert plugin_source(dist, "outsider_plugin") == first
    (folder / "RECORD").write_text("outsider_plugin.py,sha256=two,8\n")
    assert plugin_source(dist, "outsider_plugin") != first


@pytest.mark.parametrize("editable", [True, False])
def test_what_is_edited_in_place_is_another(installed: tuple[PathDistribution, Path], editable: bool) -> None:
    dist, folder = installed
    if editable:
        (folder / "RECORD").write_text("__editable__.outsider.pth,sha256=one,8\n")
        (folder / "direct_url.json").write_text(json.dumps({"dir_info": {"editable": True}, "url": "file:///x"}))
    first = plugin_source(dist, "outsider_plugin")
    assert first == plugin_source(dist, "outsider_plugin")
    (folder.parent / "outsider_plugin.py").write_text("ONE = 2\n")
    assert plugin_source(dist, "outsider_plugin") != first


def test_a_module_that_is_not_there_has_no_source(installed: tuple[PathDistribution, Path]) -> None:
    assert plugin_source(installed[0], "nothing_of_this_name.manifest") == ""
