"""Launch specification of a server: the application starts, watches and stops it."""

from attrs import field, frozen


@frozen
class Address:
    """Host and port that a server listens on; port 0 is not chosen yet."""

    host: str = "127.0.0.1"
    port: int = 0

    @property
    def url(self) -> str:
        """Return the HTTP URL."""
        return f"http://{self.host}:{self.port}"


@frozen
class LaunchSpec:
    """``argv`` is run without a shell; ``env`` is added to the allow-listed environment.

    The server is ready when a GET of ``health_path`` answers 200. ``served_name`` is what a request's ``model``
    says. Times are seconds. A ``forked`` server may be run in a process that was forked from one which has imported
    torch and transformers, where ``argv`` is ``python -m MODULE …``.
    """

    argv: tuple[str, ...]
    served_name: str
    health_path: str = "/health"
    env: dict[str, str] = field(factory=dict)
    start_timeout: float = 300.0
    forked: bool = False


@frozen
class Endpoint:
    """A server that answers."""

    url: str
    model: str
