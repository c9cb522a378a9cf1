"""Tell the job runner early which interpreters and modules the jobs of a run will need."""

from collections.abc import Iterable

from ftctl.application.app import App
from ftctl.application.spec import RunSpec
from ftctl.application.stage import Stage
from ftctl.domain.interpreter import Interpreter

IN_PROCESS = frozenset({"admit", "dataset"})
"""Operations that need no module worth importing beforehand."""


def expect_jobs(app: App, spec: RunSpec, stages: Iterable[Stage]) -> None:
    """Tell the job runner the modules that the backends of these stages need, by interpreter."""
    needed: dict[str, list[str]] = {}
    for stage in stages:
        if stage.operation not in IN_PROCESS:
            backends = (*stage.backends, *stage.helpers().values())
            modules = [need.module for backend in backends for need in backend.offer.needs]
            needed.setdefault(stage.environment, []).extend(modules)
    for environment, modules in needed.items():
        path = spec.environments.get(environment)
        python = Interpreter(path) if path else app.environments.find(environment)
        if python:
            app.jobs.expect(python, tuple(dict.fromkeys(modules)))
