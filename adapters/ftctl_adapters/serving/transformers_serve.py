"""Run ``transformers serve`` offline over a cache folder.

``python -m ftctl_adapters.serving.transformers_serve CACHE NAME …``, with the arguments of ``transformers serve``.

huggingface_hub reads ``HF_HUB_CACHE`` and ``HF_HUB_OFFLINE`` once, when it is imported, and the process that this one
was forked from has imported it before; so both are set here as well.
"""

import sys
from collections.abc import Sequence
from typing import Any

from ftctl.worker.spin_control import SpinControl
from ftctl_adapters.serving.client_watch import ClientWatch
from ftctl_adapters.serving.standalone.loopback_guard import LoopbackGuard
from ftctl_adapters.serving.transformers_requests import install

SERVED = ("/v1/chat/completions", "/v1/completions", "/v1/models", "/health")
"""Paths that answer; the others of transformers load other models, or empty the server."""


def main(cache: str, name: str, arguments: Sequence[str]) -> None:
    """Serve until a signal comes.

    Args:
        cache: a folder that is there; the list of models scans it and fails where there is none.
        name: of the model in requests and answers.
        arguments: of ``transformers serve``.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import _cache_manager

    constants.HF_HUB_OFFLINE = True
    constants.HF_HUB_CACHE = _cache_manager.HF_HUB_CACHE = cache
    from transformers.cli.transformers import app

    import ftctl_adapters.modeling.eager_bitsandbytes  # noqa: F401 before transformers imports it

    install(name)
    stand_before_uvicorn()
    sys.argv = ["transformers", "serve", *arguments]
    with SpinControl():
        app()


def stand_before_uvicorn() -> None:
    """Have every application that uvicorn is configured with stand behind the guard, with the paths that are served."""
    import uvicorn
    from jinja2 import TemplateError

    configure = uvicorn.Config.__init__

    def guarded(self: Any, app: Any, *given: Any, **named: Any) -> None:
        app.router.routes[:] = [route for route in app.router.routes if route.path in SERVED]
        app.add_exception_handler(TemplateError, _refused)
        configure(self, LoopbackGuard(ClientWatch(app)), *given, **named)

    uvicorn.Config.__init__ = guarded


async def _refused(_request: Any, error: Exception) -> Any:
    """Answer for a chat template that refuses the messages: it is the request that is wrong, not the server."""
    from fastapi.responses import JSONResponse

    return JSONResponse({"detail": f"messages: the chat template refuses them: {error}"}, 400)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
