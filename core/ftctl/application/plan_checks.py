"""Refuse plans that could not run."""

from ftctl.application.app import App
from ftctl.application.backend_calls import ask
from ftctl.application.requirements import lacking, missing_in
from ftctl.application.spec import RunSpec
from ftctl.application.stage import Stage
from ftctl.domain.artifact import served_model
from ftctl.errors import BackendFailed, ConfigInvalid
from ftctl.plugin.capabilities import SEALS
from ftctl.ports.model_intake import ModelFacts


def refuse_unsupported_models(stages: list[Stage], facts: ModelFacts) -> None:
    """Refuse a compressor or a server that does not support the model's shape."""
    problems = []
    for stage in stages:
        if stage.operation in ("compress", "serve"):
            verdict = ask(stage.backends[0], "supports", facts.shape)
            problems += [f"{stage.plugin}: {reason}" for reason in verdict.reasons]
    if problems:
        raise ConfigInvalid("a backend cannot take this model", details=tuple(problems))


def refuse_missing_loaders(app: App, spec: RunSpec, stages: list[Stage]) -> None:
    """Refuse evaluations whose loader or evaluators lack an environment or a module.

    Loaders are chosen by format and evaluators run beside them, so both are checked in the loader's environment.
    """
    problems = []
    for stage in stages:
        if "loader" not in stage.parts:
            continue
        place, together = stage.environment, [*stage.parts.values(), *stage.backends]
        recipe = any(one.offer.recipe for one in together if one.offer.environment == place)
        for one in together:
            if one.outside:
                line = lacking(one.offer, app.environments, spec.environments)
            elif one.offer.environment not in ("default", place):
                line = f"{one.offer.name} lives in the environment {one.offer.environment!r}, and not in {place!r}"
            else:
                line = missing_in(place, one.offer.name, one.offer.needs, recipe, app.environments, spec.environments)
            problems += [f"{stage.name}: {line}"] if line else []
    if problems:
        step = "or measure nothing: --set evaluators=[]"
        raise ConfigInvalid("a model variant cannot be evaluated here", next_step=step, details=tuple(problems))


def refuse_unreadable_data(app: App, spec: RunSpec, stages: list[Stage]) -> None:
    """Refuse stages that read an encrypted data set in an environment that cannot decrypt it."""
    if not spec.data_steps or SEALS not in spec.data_steps[-1].offer.capabilities:
        return
    seal, problems = spec.data_steps[-1].offer, []
    for stage in stages:
        if "data" in stage.inputs and stage.environment != "default":
            line = missing_in(stage.environment, seal.name, seal.needs, False, app.environments, spec.environments)
            problems += [f"{stage.name}: {line}"] if line else []
    if problems:
        text = "a stage reads the data set where it cannot be decrypted"
        raise ConfigInvalid(text, next_step="install it there, or leave the step out", details=tuple(problems))


def refuse_unusable_endpoint(spec: RunSpec, stages: list[Stage]) -> None:
    """Refuse an endpoint that does not answer, or ignores a field that an evaluator needs."""
    for stage in stages:
        if stage.endpoint and spec.asker:
            scores = bool(stage.settings.get("scores"))
            verdict = ask(spec.asker, "probe", served_model(stage.endpoint), scores=scores)
            if verdict.reasons:
                text = f"{stage.endpoint.url} cannot be measured: {'; '.join(verdict.reasons)}"
                step = "leave out the evaluators that score" if scores else "see the server's log"
                raise BackendFailed(text, next_step=step)
