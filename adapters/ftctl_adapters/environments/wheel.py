"""Pack the running ftctl into a wheel, so that environments get the same code."""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

PACKAGES = ("ftctl", "ftctl_adapters", "ftctl_plugins")
COPIED = ("METADATA", "entry_points.txt")
WHEEL = b"Wheel-Version: 1.0\nGenerator: ftctl\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip file knows: the same content gives the same wheel."""


def repack(into: Path) -> Path:
    """Write the running ftctl as a wheel, from its modules and its own metadata.

    Args:
        into: the folder for the wheel.
    """
    installed = distribution("ftctl")
    info = f"ftctl-{installed.version}.dist-info"
    wheel = into / f"ftctl-{installed.version}-py3-none-any.whl"
    texts = {name: installed.read_text(name) for name in COPIED}
    content = dict(_modules()) | {f"{info}/{name}": text.encode() for name, text in texts.items() if text}
    content[f"{info}/WHEEL"] = WHEEL
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
    return wheel


def fingerprint() -> str:
    """Return a digest of the running code."""
    whole = hashlib.sha256()
    for name, data in _modules():
        whole.update(f"{name}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()


def _modules() -> Iterator[tuple[str, bytes]]:
    for package in PACKAGES:
        root = Path(str(import_module(package).__file__)).parent
        for file in sorted(root.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield f"{package}/{file.relative_to(root).as_posix()}", file.read_bytes()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
