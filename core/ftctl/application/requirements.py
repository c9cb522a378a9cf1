"""Check that a backend's environment and modules are installed on this machine."""

from collections.abc import Collection

from ftctl.plugin.offer import Need, Offer
from ftctl.ports.environments import Environments


def lacking(offer: Offer, environments: Environments, named: Collection[str]) -> str:
    """Return what is missing and how to install it, in one line; empty if nothing is.

    Args:
        offer: of the backend.
        environments: where its environment would be.
        named: environments whose interpreter the run file names; they are taken as they are.
    """
    return missing_in(offer.environment, offer.name, offer.needs, offer.recipe, environments, named)


def missing_in(
    environment: str,
    name: str,
    needs: tuple[Need, ...],
    recipe: str,
    environments: Environments,
    named: Collection[str],
) -> str:
    """Check a backend that runs in an environment other than its own."""
    if environment in named:
        return ""
    other = f"environments: {{{environment}: {{python: PATH}}}}"
    reason = environments.unbuildable(environment, recipe) if recipe else ""
    if reason:
        return f"needs the environment {environment!r}, which cannot be built here: {reason}; or name one: {other}"
    if environments.find(environment) is None:
        build = f"run: ftctl env create {environment}" if recipe else "it has no recipe"
        return f"needs the environment {environment!r}; {build}, or name one: {other}"
    missing = environments.missing(environment, tuple(need.module for need in needs))
    installs = sorted({need.install for need in needs if need.module in missing})
    if not installs:
        return ""
    remedy = "run: pip install " + " ".join(f"'{install}'" for install in installs)
    if environment != "default":
        remedy = f"its environment lacks it; run: ftctl env create {environment} --recreate"
    return f"{name} needs {', '.join(missing)}; {remedy}"
