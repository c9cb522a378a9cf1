"""List ``.pth`` files, which run code at every start of Python."""

import site
import sysconfig
from pathlib import Path


def startup_code(folders: list[Path] | None = None) -> list[Path]:
    """Return the ``.pth`` files with lines that ``site`` executes.

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
