"""A stage's context for tests."""

from pathlib import Path
from typing import Any

from ftctl.ports.context import StageContext


def recording(folder: Path, seed: int = 7, **settings: Any) -> StageContext:
    """Return a context in this folder with these settings; its events are in ``settings["events"]``, (kind, data)."""
    seen: list[tuple[str, dict[str, Any]]] = []
    for name in ("work", "out"):
        (folder / name).mkdir(parents=True, exist_ok=True)

    def emit(kind: str, **data: Any) -> None:
        seen.append((kind, data))

    return StageContext(folder / "work", folder / "out", seed, emit, lambda: False, settings | {"events": seen})
