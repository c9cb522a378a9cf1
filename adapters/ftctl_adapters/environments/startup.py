"""Code that every Python of this environment runs at startup: ``.pth`` files."""

import site
import sysconfig
from pathlib import Path


def startup_code(folders: list[Path] | None = None) -> list[Path]:
    """The ``.pth`` files whose lines begin with ``import``, which ``site`` executes at every start.

    Args:
        folders: where to look; by default the site-packages of this interpreter.
    """
    found = folders if folders is not None else _site_packages()
    return sorted(path for folder in found for path in folder.glob("*.pth") if _runs(path))


def _site_packages() -> list[Path]:
    paths = {*site.getsitepackages(), sysconfig.get_path("purelib")}
    paths |= {site.getusersitepackages()} if site.ENABLE_USER_SITE else set()
    return sorted(Path(path) for path in paths)


def _runs(path: Path) -> bool:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.startswith(("import ", "import\t")) for line in lines)
