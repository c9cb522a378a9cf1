"""Run ``transformers serve`` offline over a cache folder.

``python -m ftctl_adapters.serving.transformers_serve CACHE NAME …``, with the arguments of ``transformers serve``.

huggingface_hub reads ``HF_HUB_CACHE`` and ``HF_HUB_OFFLINE`` once, when it is imported, and the process that this one
was forked from has imported it before; so both are set here as well.
"""

import sys
from collections.abc import Sequence
from typing import Any

from ftctl.worker.spin_control import SpinControl
from ftctl_adapters.serving.standalone.loopback_guard import LoopbackGuard
from ftctl_adapters.serving.transformers_requests import install


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
    """Have every application that uvicorn is configured with stand behind the guard."""
    import uvicorn

    configure = uvicorn.Config.__init__

    def guarded(self: Any, app: Any, *given: Any, **named: Any) -> None:
        configure(self, LoopbackGuard(app), *given, **named)

    uvicorn.Config.__init__ = guarded


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
