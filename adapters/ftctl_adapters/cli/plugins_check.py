"""``ftctl plugins check``."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ftctl.application.requirements import lacking
from ftctl.errors import BackendFailed, ConfigInvalid, PluginBroken, UsageError
from ftctl.plugin.containment import foreign
from ftctl.plugin.offer import CONTRACTED, PORTS, Offer, load
from ftctl.plugin.option_checks import check_options
from ftctl.plugin.registry import Registry, Unknown
from ftctl_adapters.bootstrap import build_registry
from ftctl_adapters.cli.options import json_option
from ftctl_adapters.environments.local import LocalEnvironments

ENDED = (0, 1, 2, 5)
"""pytest: all passed, some failed, a file that cannot be imported, no tests."""
MARKS = {"passed": "✓", "failed": "✗", "skipped": "–", "known": "·"}


@click.command("check")
@click.argument("name")
@click.option("--port", type=click.Choice(PORTS), help="Port, if backends of several ports have the name.")
@click.option("--set", "settings", metavar="OPTION=VALUE", multiple=True, help="An option it is made with; repeatable.")
@click.option(
    "--tests",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of tests instead, e.g. tests/test_contract.py of its project.",
)
@json_option
def command(name: str, port: str | None, settings: tuple[str, ...], tests: Path | None, as_json: bool) -> None:
    """Run the contract tests of its port against the backend NAME.

    Exit code 6 when it breaks the contract, 2 when it cannot be tested here. Fixtures beyond options, such as targets
    or a model of its format, go into a file of tests (--tests).

    \b
    ftctl plugins check text-metrics
    ftctl plugins check lines --set path=rows.txt
    """
    offer = _find(build_registry(), name, port)
    results, counted = [], {"collected": 0, "finished": 0}
    for result in _results(_check(offer, settings, tests), _python(offer)):
        if result.keys() & counted.keys():
            counted |= result
            continue
        results.append(result)
        if not as_json:
            print(f"{MARKS[result['outcome']]} {result['test']}" + (f"  {result['why']}" if result["why"] else ""))
    passed = [result for result in results if result["outcome"] == "passed"]
    failed = [result for result in results if result["outcome"] == "failed"]
    ended = counted["finished"] < counted["collected"]
    if as_json:
        told = {"name": offer.name, "port": offer.port, "dist": offer.dist, "version": offer.version}
        print(json.dumps(told | {"kept": bool(passed) and not failed and not ended, "tests": results}))
    whose = f"{offer.port.replace('_', ' ')} {offer.name!r} of {offer.dist} {offer.version}"
    if ended:
        text = f"{whose} ended its contract: {counted['finished'] or len(results)} of {counted['collected']} tests ran"
        raise BackendFailed(text, next_step="it must not end the program: os._exit, signals, KeyboardInterrupt")
    if not passed and not failed:
        raise UsageError("nothing was tested", next_step="a class of tests inherits a contract and is called Test…")
    if failed:
        raise BackendFailed(f"{whose} breaks its contract: {len(failed)} of {len(results)} tests failed")
    if not as_json:
        print(f"\n{offer.full_name} {offer.version} keeps the contract of its port: {len(results)} tests")


def _find(registry: Registry, name: str, port: str | None) -> Offer:
    ports = [port] if port else PORTS
    found = {one: registry.find(one, name) for one in ports}
    offers = [offer for offer in found.values() if isinstance(offer, Offer)]
    if len(offers) > 1:
        step = f"--port {' or '.join(offer.port for offer in offers)}"
        raise UsageError(f"{name!r} is a backend of several ports", next_step=step)
    if offers:
        return offers[0]
    reasons = [one for one in found.values() if isinstance(one, Unknown)]
    broken = [one.reason for one in reasons if one.broken]
    if broken:
        raise PluginBroken(broken[0], next_step="repair or uninstall it")
    raise UsageError(reasons[0].reason if port else f"no backend {name!r}", next_step="`ftctl plugins` lists every one")


def _check(offer: Offer, settings: tuple[str, ...], tests: Path | None) -> dict[str, Any]:
    line = lacking(offer, LocalEnvironments(Path()), ())
    if line:
        raise UsageError(line)
    if tests:
        return {"tests": str(tests.absolute())}
    if offer.port not in CONTRACTED:
        step = "name a file of tests: --tests tests/test_contract.py"
        raise UsageError(f"the port {offer.port} has no contract that is run by itself", next_step=step)
    # YAML takes as long to import as all manifests to read, and every listing of plugins imports this module
    from ftctl_adapters.config.compose import parse_setting

    values = dict(parse_setting(setting) for setting in settings)
    with foreign(f"{offer.full_name} {offer.version}" if offer.owner else "", "the import of its options"):
        kind = load(offer.options)
    _, problems = check_options(kind, values, "--set")
    if problems:
        raise ConfigInvalid(f"{offer.name} cannot be made", details=tuple(problems))
    python = LocalEnvironments(Path()).enter(offer.environment).path
    return {"port": offer.port, "name": offer.full_name, "values": values, "python": python}


def _python(offer: Offer) -> str:
    """Return the interpreter that the contract runs in: the backend's, or for servers this one.

    Raises:
        UsageError: there is no pytest there.
    """
    place = "default" if offer.port == "server" else offer.environment
    environments = LocalEnvironments(Path())
    python = environments.enter(place).path
    if environments.missing(place, ("pytest",)):
        install = "'ftctl[testing]'" if place == "default" else "pytest"
        raise UsageError("checking needs pytest", next_step=f"run: {python} -m pip install {install}")
    return python


def _results(check: dict[str, Any], python: str) -> Iterator[dict[str, Any]]:
    command = [python, "-m", "ftctl.testing.check", json.dumps(check)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        for line in running.stdout:
            if line.startswith("{"):
                yield json.loads(line)
    if running.returncode not in ENDED:
        raise BackendFailed(f"pytest ended with {running.returncode}", next_step=f"run it: {' '.join(command[:3])} …")
