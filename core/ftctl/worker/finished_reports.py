"""Store finished reports, so that a killed stage continues with the next evaluator."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.report import Report
from ftctl.errors import PluginBroken
from ftctl.whole_file import write_whole

REPORT, FILES = "report.json", "files"


class Finished:
    """Folder of each evaluator: its files, and its report once it is done."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def report(self, name: str, measure: Callable[[Path], Report]) -> Report:
        """Return the report that ``measure`` makes in a folder for its files, or made on an earlier try.

        It is told as it is read again, so that a try that was killed makes no difference. One that lacks answers is not
        kept: the next try asks for them.
        """
        place = self._folder / name
        if not (place / REPORT).exists():
            shutil.rmtree(place, ignore_errors=True)
            (place / FILES).mkdir(parents=True)
            told = json.dumps(to_plain(measure(place / FILES)))
            report = from_plain(json.loads(told), Report)
            if not any(record.get("error") for record in report.records):
                write_whole(place / REPORT, told)
            return report
        return from_plain(json.loads((place / REPORT).read_text(encoding="utf-8")), Report)

    def copy(self, name: str, out: Path) -> None:
        """Put the files of an evaluator among those of the stage."""
        for path in sorted((self._folder / name / FILES).iterdir()):
            copy_new(path, out)


def copy_new(path: Path, out: Path) -> None:
    """Copy a file or a folder.

    Raises:
        PluginBroken: one of its name is there.
    """
    if (out / path.name).exists():
        raise PluginBroken(f"two evaluators wrote {path.name}", next_step="leave one of them out")
    copy: Any = shutil.copytree if path.is_dir() else shutil.copyfile
    copy(path, out / path.name)
