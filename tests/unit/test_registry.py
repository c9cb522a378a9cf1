"""One broken plugin never takes the others along (FAULTS F53, F56, F57); real dists on ``sys.path``."""

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from ftctl.errors import PluginBroken, UsageError
from ftctl.plugin.registry import Registry, Unknown

Install = Callable[..., None]

GOOD = """
from ftctl.plugin import Offer, hookimpl

@hookimpl
def ftctl_offers():
    return [Offer(port="tuner", name="{name}", summary="s", factory="x:y", options="x:z")]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with one manifest module on ``sys.path``, as pip would."""
    monkeypatch.syspath_prepend(tmp_path)

    def call(dist: str, source: str, module: str | None = None) -> None:
        module = module or dist.replace("-", "_") + "_manifest"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{dist.replace('-', '_')}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[ftctl.plugins]\n{dist} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return call


def test_a_third_party_backend_is_found_by_bare_and_full_name(install: Install) -> None:
    install("their-tuner", GOOD.format(name="theirs"))
    for name in ("theirs", "their-tuner:theirs"):
        found = Registry().find("tuner", name)
        assert not isinstance(found, Unknown)
        assert (found.dist, found.version) == ("their-tuner", "1.5")


@pytest.mark.parametrize(
    ("source", "phase"),
    [
        ("import nosuchmodule", "import"),
        ("def broken(:", "import"),
        ("import sys; sys.exit(0)", "import"),
        ("raise ValueError('x')", "import"),
        ("x = 1", "offers"),
        ("from ftctl.plugin import hookimpl\n@hookimpl\ndef ftctl_offers(): return ['lora']", "offers"),
        ("from ftctl.plugin import hookimpl\n@hookimpl\ndef ftctl_offers(wrong, argument): return []", "offers"),
        ("from ftctl.plugin import hookimpl\n@hookimpl\ndef ftctl_offers(): raise RuntimeError('x')", "offers"),
        (GOOD.format(name="../up"), "offers"),
        (GOOD.format(name="x").replace("tuner", "tunre"), "offers"),
    ],
)
def test_a_broken_plugin_is_recorded_and_everything_else_works(install: Install, source: str, phase: str) -> None:
    install("bad-dist", source)
    install("good-dist", GOOD.format(name="good"))
    registry = Registry()
    assert "good" in [offer.name for offer in registry.offers("tuner")]
    assert [(broken.dist, broken.phase) for broken in registry.broken()] == [("bad-dist", phase)]


def test_what_a_manifest_prints_is_not_shown(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("loud", "print('hello')\n" + GOOD.format(name="loud"))
    assert "loud" in [offer.name for offer in Registry().offers("tuner")]
    assert capsys.readouterr().out == ""


def test_a_broken_plugin_that_is_named_says_so(install: Install) -> None:
    install("bad-dist", "import nosuchmodule")
    found = Registry().find("tuner", "bad-dist")
    assert isinstance(found, Unknown)
    assert found.broken
    assert "bad-dist 1.5" in found.reason
    assert "nosuchmodule" in found.reason


def test_two_owners_of_one_name_are_both_named(install: Install) -> None:
    install("one", GOOD.format(name="same"))
    install("two", GOOD.format(name="same"))
    found = Registry().find("tuner", "same")
    assert isinstance(found, Unknown)
    assert "one:same and two:same" in found.reason
    assert not isinstance(Registry().find("tuner", "two:same"), Unknown)


def test_a_built_in_name_cannot_be_taken(install: Install) -> None:
    install("thief", GOOD.format(name="lora"))
    found = Registry().find("tuner", "lora")
    assert not isinstance(found, Unknown)
    assert found.dist == "ftctl"


def test_a_plugin_nobody_names_is_not_imported(install: Install, tmp_path: Path) -> None:
    install("spy", f"import pathlib; pathlib.Path({str(tmp_path / 'MARK')!r}).touch()\n" + GOOD.format(name="spy"))
    assert not isinstance(Registry().find("tuner", "lora"), Unknown)
    assert not (tmp_path / "MARK").exists()
    Registry().find("tuner", "nosuch")
    assert (tmp_path / "MARK").exists()


def test_plugins_can_be_left_out_chosen_and_made_strict(install: Install) -> None:
    install("extra", GOOD.format(name="extra"))
    assert "extra" not in [o.name for o in Registry(without=frozenset({"extra"})).offers("tuner")]
    assert [o.name for o in Registry(only=frozenset({"extra"})).offers()] == ["extra"]
    install("bad-dist", "import nosuchmodule")
    with pytest.raises(PluginBroken, match=r"bad-dist 1\.5"):
        Registry(strict=True).offers()


def test_a_hook_that_raises_does_not_stop_the_others(install: Install, tmp_path: Path) -> None:
    hook = "\n@hookimpl\ndef ftctl_run_finished(run_id): {}\n"
    install("a-bad", GOOD.format(name="a") + hook.format("raise RuntimeError('x')"))
    install(
        "b-good",
        GOOD.format(name="b")
        + hook.format(f"__import__('pathlib').Path({str(tmp_path / 'MARK')!r}).write_text(run_id)"),
    )
    registry = Registry()
    registry.offers()
    registry.notify("ftctl_run_finished", run_id="r1", result={})
    assert (tmp_path / "MARK").read_text() == "r1"
    assert [broken.phase for broken in registry.broken()] == ["ftctl_run_finished"]


def test_a_plugin_that_is_to_be_loaded_and_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="no plugin 'extr' is installed"):
        Registry(only=frozenset({"extr"})).find("tuner", "lora")
