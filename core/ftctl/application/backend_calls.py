"""Make backends and call them at planning; a wrong result or exception becomes a `PluginBroken`."""

from copy import deepcopy
from typing import Any

from ftctl.application.spec import Backend
from ftctl.errors import FtctlError, PluginBroken
from ftctl.plugin.containment import contained
from ftctl.plugin.offer import load
from ftctl.plugin.result_checks import returned


def instantiate(backend: Backend) -> Any:
    """Instantiate a backend with a copy of its checked options.

    Raises:
        PluginBroken: its module or class cannot be imported, or it refuses to be made.
    """
    offer = backend.offer
    name = f"{offer.port} {offer.full_name} {offer.version}"
    try:
        with contained(name if offer.owner else "", "its constructor"):
            return load(offer.factory)(load(offer.options)(**deepcopy(backend.options)))
    except FtctlError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginBroken(
            f"{name} cannot be used: {type(error).__name__}: {error}", next_step="`ftctl plugins` shows its status"
        ) from error


def ask(backend: Backend, method: str, *arguments: Any, **named: Any) -> Any:
    """Instantiate a backend and call a method with copies of the arguments.

    Raises:
        PluginBroken: it raised a foreign error, or returned a type that its port does not allow.
    """
    implementation = instantiate(backend)
    name = f"{backend.offer.port} {backend.offer.full_name} {backend.offer.version}"
    try:
        with contained(name if backend.offer.owner else "", f"{method}()"):
            call, foreign = getattr(implementation, method), bool(backend.offer.owner)
            return returned(call, name, deepcopy(arguments), foreign=foreign, **named)
    except FtctlError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginBroken(f"{name} failed in {method}(): {type(error).__name__}: {error}") from error
