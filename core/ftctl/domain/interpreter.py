"""Python interpreter of a backend."""

from attrs import field, frozen


@frozen
class Interpreter:
    """``path`` is an executable; ``variables`` are set for every process that it runs."""

    path: str
    variables: dict[str, str] = field(factory=dict)
