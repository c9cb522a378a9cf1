"""Refuse plans that could not run."""

from ftctl.application.app import App
from ftctl.application.backend_calls import ask
from ftctl.application.requirements import lacking, missing_in
from ftctl.application.spec import RunSpec
from ftctl.application.stage import Stage
from ftctl.domain.artifact import served_model
from ftctl.domain.format import ADAPTERS
from ftctl.errors import BackendFailed, ConfigInvalid, PluginBroken
from ftctl.plugin.capabilities import SEALS
from ftctl.ports.model_intake import ModelFacts


def refuse_unfit(app: App, spec: RunSpec, stages: list[Stage], facts: ModelFacts) -> None:
    """Refuse what cannot run on this machine, all of it at once: first what nothing can mend, installations last.

    Raises:
        ConfigInvalid: with a line for each reason.
    """
    reasons = {
        "a backend cannot take this model": _unsupported_models(stages, facts, spec),
        "the server cannot take this adapter": _unsupported_adapter(spec, stages),
        "a model variant cannot be evaluated here": _missing_loaders(app, spec, stages),
        "a stage reads the data set where it cannot be decrypted": _unreadable_data(app, spec, stages),
        "backends of this run are not installed": list(spec.lacking),
    }
    found = [text for text, lines in reasons.items() if lines]
    if not found:
        return
    details = tuple(dict.fromkeys(line for lines in reasons.values() for line in lines))
    what = found[0] if len(found) == 1 else f"this run cannot be done here, for {len(details)} reasons"
    raise ConfigInvalid(what, next_step=REMEDIES.get(found[0], ""), details=details)


REMEDIES = {
    "a model variant cannot be evaluated here": "or measure nothing: --set evaluators=[]",
    "a stage reads the data set where it cannot be decrypted": "install it there, or leave the step out",
    "backends of this run are not installed": "or build what has a recipe on the way: --create-envs",
}
"""Next steps by what is refused."""


def _unsupported_models(stages: list[Stage], facts: ModelFacts, spec: RunSpec) -> list[str]:
    """Return why compressors and servers do not support the model's shape or this machine's devices."""
    problems = []
    for stage in stages:
        if stage.operation in ("compress", "serve"):
            try:
                verdict = ask(stage.backends[0], "supports", facts.shape)
            except PluginBroken:
                if not spec.lacking:
                    raise
                continue  # its package may be among those that are not installed
            problems += [f"{stage.plugin}: {reason}" for reason in verdict.reasons]
    return problems


def _unsupported_adapter(spec: RunSpec, stages: list[Stage]) -> list[str]:
    """Return why a server cannot serve the tuner's adapter as it comes from training."""
    tuned = {stage.name for stage in stages if stage.operation == "tune"}
    serving = [stage for stage in stages if stage.operation == "serve" and stage.inputs["model"] in tuned]
    if not serving or spec.tuner.offer.produces[0] not in ADAPTERS:
        return []
    config = ask(spec.tuner, "adapter_config")
    reasons = ask(serving[0].backends[0], "supports_adapter", config).reasons if config else ()
    return [f"{serving[0].plugin}: {reason}" for reason in reasons]


def _missing_loaders(app: App, spec: RunSpec, stages: list[Stage]) -> list[str]:
    """Return the evaluations whose loader or evaluators lack an environment or a module.

    Loaders are chosen by format and evaluators run beside them, so both are checked in the loader's environment.
    """
    problems = []
    for stage in stages:
        if "loader" not in stage.parts:
            continue
        place, together = stage.environment, [*stage.parts.values(), *stage.backends]
        recipe = next((one.offer.recipe for one in together if one.offer.environment == place and one.offer.recipe), "")
        for one in together:
            if one.outside:
                line = lacking(one.offer, app.environments, spec.environments)
            elif one.offer.environment not in ("default", place):
                line = f"{one.offer.name} lives in the environment {one.offer.environment!r}, and not in {place!r}"
            else:
                line = missing_in(place, one.offer.name, one.offer.needs, recipe, app.environments, spec.environments)
            told = any(line and line in known for known in spec.lacking)
            problems += [f"{stage.name}: {line}"] if line and not told else []
    return problems


def _unreadable_data(app: App, spec: RunSpec, stages: list[Stage]) -> list[str]:
    """Return the stages that read an encrypted data set in an environment that cannot decrypt it."""
    if not spec.data_steps or SEALS not in spec.data_steps[-1].offer.capabilities:
        return []
    seal, problems = spec.data_steps[-1].offer, []
    for stage in stages:
        if "data" in stage.inputs and stage.environment != "default":
            line = missing_in(stage.environment, seal.name, seal.needs, "", app.environments, spec.environments)
            told = any(line and line in known for known in spec.lacking)
            problems += [f"{stage.name}: {line}"] if line and not told else []
    return problems


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


def refuse_taken_port(app: App, stages: list[Stage]) -> None:
    """Refuse a port that somebody listens on, now and not after the training.

    Raises:
        PortBusy: with the port.
    """
    for stage in stages:
        port = stage.backends[0].options.get("port") if stage.operation == "serve" else None
        if isinstance(port, int) and port:
            app.servers.address(port)
