"""Serve and verify a stored artifact, outside of a run."""

from pathlib import Path

from ftctl.application.app import App
from ftctl.application.backend_calls import ask
from ftctl.application.serve import Served, serve
from ftctl.application.spec import Backend
from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.job import Job, JobResult
from ftctl.domain.launch import Endpoint
from ftctl.errors import ConfigInvalid, FtctlError


def deploy(app: App, backend: Backend, model: Artifact, python: Interpreter, log: Path) -> Served:
    """Serve the artifact after checking its hashes; a context manager that yields the endpoint.

    Raises:
        ConfigInvalid: the server does not take this format, or this model.
        ArtifactCorrupt: a file is not what was stored.
        ServerDied: it ended while starting.
    """
    if model.format not in backend.accepts:
        takes = ", ".join(backend.accepts)
        others = [offer.name for offer in app.registry.offers("server") if model.format in offer.accepts]
        step = f"these take it: {', '.join(others)}" if others else "no server here takes it; merge or export it first"
        what = f"server {backend.offer.name} takes {takes}, and {model.id} is {model.format}"
        raise ConfigInvalid(what, next_step=step)
    if model.format == HF:
        verdict = ask(backend, "supports", app.intake.look(model.path, None).shape)
        if verdict.reasons:
            raise ConfigInvalid(f"{backend.offer.name} cannot serve {model.id}", details=tuple(verdict.reasons))
    for part in (model, model.base):
        if part:
            app.store.verify(part)
    return serve(app, backend, model, python, log)


def check(app: App, verifier: Backend, model: Artifact, endpoint: Endpoint, folder: Path) -> JobResult:
    """Replay an artifact's golden cases against an endpoint.

    Raises:
        ServedDifferently: the endpoint does not answer as it must; the error names the link that broke.
        FtctlError: it does not answer.
    """
    inputs = {"model": model}
    job = Job(model.digest, "verify", "verify", (verifier.reference(),), inputs, endpoint=endpoint)
    return app.jobs.run(job, folder, app.environments.enter(verifier.offer.environment), lambda event: None)


def check_served(app: App, verifier: Backend, model: Artifact, served: Served, folder: Path) -> JobResult:
    """Run `check` on a server that ftctl started; if the server died, raise that.

    Raises:
        ServerDied: it went away.
        ServedDifferently: as `check`.
    """
    try:
        return check(app, verifier, model, served.endpoint, folder)
    except FtctlError as error:
        raise served.reason(error) from error
