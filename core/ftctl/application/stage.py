"""A planned stage of a run: operation, backends, inputs, settings."""

from typing import Any

from attrs import field, frozen

from ftctl.application.model_variants import SERVED
from ftctl.application.preview import PREVIEWS
from ftctl.application.spec import Backend
from ftctl.domain.codec import digest
from ftctl.domain.launch import Endpoint

ALWAYS = frozenset({"serve", "verify"}) | PREVIEWS
"""Operations whose outcome is not an artifact: they are done every time."""


@frozen
class Stage:
    """A planned stage. ``inputs`` maps a role (``model``, ``data``) to the stage that makes it; ``parts`` are secondary
    backends given to its own (``loader``, ``objective``).

    ``subject`` is whose metrics an evaluation fills in: ``base``, ``tuned``, ``compressed`` or ``served``; ``phase`` is
    where a run can end with it, ``number`` its place in the whole run; ``endpoint`` is a server that it asks. How its
    job is launched, the ``engine`` that does its work and the ``limits`` it keeps are no part of its identity.
    """

    name: str
    operation: str
    backends: tuple[Backend, ...]
    inputs: dict[str, str] = field(factory=dict)
    subject: str = ""
    settings: dict[str, Any] = field(factory=dict)
    parts: dict[str, Backend] = field(factory=dict)
    limits: dict[str, Any] = field(factory=dict)
    phase: str = "data"
    number: int = 0
    launcher: Backend | None = None
    endpoint: Endpoint | None = None
    engine: Backend | None = None

    @property
    def plugin(self) -> str:
        """Return the names of its backends, for display."""
        return "+".join(backend.offer.name for backend in self.backends)

    @property
    def environment(self) -> str:
        """Return the environment of its job: that of the loader, if it has one of its own."""
        loader = self.parts.get("loader")
        if loader and loader.offer.environment != "default":
            return loader.offer.environment
        inside = (backend.offer.environment for backend in self.backends if not backend.outside)
        return next(inside, "default")

    @property
    def programs(self) -> dict[str, str]:
        """Return the environments of programs that run beside the model."""
        return {backend.offer.name: backend.offer.environment for backend in self.backends if backend.outside}

    @property
    def lasts(self) -> bool:
        """Return True if the result can be cached; a server's cannot, since its model may change."""
        return self.operation not in ALWAYS and self.subject != SERVED

    def helpers(self) -> dict[str, Backend]:
        """Return the secondary backends that the job is given, by role."""
        return self.parts | ({"engine": self.engine} if self.engine else {})

    def key(self, inputs: dict[str, str], seed: int) -> str:
        """Return the stage key: plugins and versions, options, digests of the inputs, seed."""
        plugins = [backend.identity() for backend in self.backends]
        parts = {role: backend.identity() for role, backend in self.parts.items()}
        return digest([self.operation, plugins, parts, inputs, self.settings, seed])
