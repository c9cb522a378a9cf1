"""Serve or verify a stored artifact."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftctl.application.app import App
from ftctl.application.deploy import check, check_served, deploy
from ftctl.application.find_artifact import find_artifact, names_artifact
from ftctl.application.resolve import resolve_one
from ftctl.application.serve import Served, serving
from ftctl.application.spec import Backend
from ftctl.domain.artifact import Artifact
from ftctl.domain.codec import to_plain
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.job import JobResult
from ftctl.domain.launch import Endpoint
from ftctl.errors import Interrupted, UsageError
from ftctl_adapters.bootstrap import build_app
from ftctl_adapters.cli.endpoint import endpoint_at, is_url
from ftctl_adapters.cli.environments import Assumed, create
from ftctl_adapters.cli.launch import MODELS, usable
from ftctl_adapters.config.compose import compose
from ftctl_adapters.process.signals import interruptible

FOREIGN = ("model", "data_source", "tuner", "evaluators", "compressor", "monitors", "inline", "dry_run")
"""Options that describe a run, and mean nothing to an artifact."""


def of_artifact(target: Path | None) -> bool:
    """Return True if the argument names an artifact or a model rather than a run file."""
    return target is not None and not target.is_file() and names_artifact(str(target))


def serve_artifact(restart: int, **given: Any) -> None:
    """Serve an artifact until Ctrl-C, after verifying it."""
    with _prepared(given) as (app, model, folder), _served(app, given["server"], model, folder, given) as served:
        found = check_served(app, _verifier(app), model, served, folder / "verify")
        _show(given, model, served.endpoint, found, "serving")
        with serving():
            if not given["as_json"]:
                print("serving until Ctrl-C", file=sys.stderr, flush=True)
            app.jobs.close()
            served.wait(restart, lambda text: print(f"ftctl: {text}", file=sys.stderr, flush=True))


def verify_artifact(against: str | None, served_model: str | None, min_agreement: float, **given: Any) -> None:
    """Replay an artifact's golden cases on a server started for it, or on a URL."""
    name = against or given["server"]
    if not name:
        raise UsageError("what must it be verified against?", next_step="--against SERVER, or --against URL")
    with _prepared(given) as (app, model, folder):
        verifier = _verifier(app, {"min_agreement": min_agreement})
        if is_url(name):
            endpoint = endpoint_at(name, served_model)
            found = check(app, verifier, model, endpoint, folder / "verify")
        else:
            with _served(app, name, model, folder, given) as served:
                endpoint = served.endpoint
                found = check_served(app, verifier, model, served, folder / "verify")
        if not found.metrics:
            raise UsageError(f"{model.id} has no golden cases, for it was not tuned here; nothing was compared")
        _show(given, model, endpoint, found, "verified")


@contextlib.contextmanager
def _prepared(given: dict[str, Any]) -> Iterator[tuple[App, Artifact, Path]]:
    """Yield application, artifact and a folder for logs, which stays after a failure."""
    strange = [name for name in FOREIGN if given[name]]
    if strange:
        option = strange[0].replace("_", "-").removesuffix("s")
        raise UsageError(f"--{option} describes a run, and {given['run_file']} is an artifact")
    workspace = given["workspace"].absolute()
    usable(workspace)
    app = build_app(workspace, cold=given["cold"])
    app.jobs.expect(Interpreter(sys.executable), MODELS)
    (workspace / "serving").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=workspace / "serving"))
    failed = True
    try:
        with interruptible():
            yield app, find_artifact(app, str(given["run_file"]), folder), folder
        failed = False
    except Interrupted:
        failed = False
        raise
    finally:
        app.jobs.close()
        if not failed or not any(folder.iterdir()):
            shutil.rmtree(folder)


@contextlib.contextmanager
def _served(app: App, name: str | None, model: Artifact, folder: Path, given: dict[str, Any]) -> Iterator[Served]:
    if not name:
        able = [offer.name for offer in app.registry.offers("server") if model.format in offer.accepts]
        raise UsageError(f"which server is to serve {model.id}?", next_step=f"--server {' or '.join(able) or 'N'}")
    document = compose(None, {"server": name}, given["settings"])
    entries = (document["server"], document.get("environments"))
    if given["create_envs"]:
        assumed = Assumed(app.environments)
        resolve_one("server", *entries, app.registry, assumed)
        for environment in sorted(assumed.wanted):
            create(environment, app.registry)
    backend, named = resolve_one("server", *entries, app.registry, app.environments)
    environment = backend.offer.environment
    python = Interpreter(named[environment]) if environment in named else app.environments.enter(environment)
    print(f"starting {name} for {model.id}", file=sys.stderr, flush=True)
    served = deploy(app, backend, model, python, folder / "server.log")
    try:
        yield served
    finally:
        served.stop()


def _verifier(app: App, options: dict[str, Any] | None = None) -> Backend:
    backend, _ = resolve_one("verifier", {"use": "golden", **(options or {})}, {}, app.registry, app.environments)
    return backend


def _show(given: dict[str, Any], model: Artifact, endpoint: Endpoint, found: JobResult, status: str) -> None:
    if given["as_json"]:
        metrics = {metric.name: to_plain(metric) for metric in found.metrics}
        document = {"status": status, "artifact": model.id, "endpoint": to_plain(endpoint), "metrics": metrics}
        print(json.dumps(document | {"notes": found.summary}, ensure_ascii=False), flush=True)
        return
    for metric in found.metrics:
        print(f"{metric.name} {metric.value:.4g}")
    print(
        f"{found.summary.get('golden', '')}\n{model.id} at {endpoint.url} model {endpoint.model} ({status})", flush=True
    )
