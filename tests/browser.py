"""A page as a browser lays it out: headless Chromium, where there is one."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

EMPTY = 12_000
"""Bytes of a picture that shows less than a paragraph."""

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
LOOKS = """<script>addEventListener("load", () => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  const heads = [...document.querySelectorAll("h2")];
  const empty = heads.filter(one => { const next = one.nextElementSibling;
    return !next || (next.tagName !== "svg" && !(next.innerText || "").trim()); });
  const flat = [...document.querySelectorAll("svg, table, pre")].filter(one => one.getBoundingClientRect().height < 8);
  const cut = [...document.querySelectorAll("td, th, p, h1, h2")].filter(one => {
    const box = one.getBoundingClientRect(), frame = one.closest("table");
    return !frame && box.right > innerWidth + 1; });
  document.body.dataset.looks = JSON.stringify({
    overflow: wide, headings: heads.length, empty: empty.map(one => one.innerText), flat: flat.length, cut: cut.length,
    fetched: performance.getEntriesByType("resource").map(one => one.name)});
});</script>"""


def browser() -> str:
    """The program; without one the test is left out, and says so."""
    found = next((path for path in map(shutil.which, PROGRAMS) if path), None)
    if found is None:
        pytest.skip("NOT RUN: no Chromium here; Debian's package is `chromium`")
    return found


def flaws(page: Path, width: int, shot: Path) -> dict[str, Any]:
    """What is ugly at a width in pixels: overflow, texts that are cut, empty parts, what was fetched; else nothing.

    ``shot`` is where the picture goes; a page of one colour is a flaw too.
    """
    told = looks(page, width, shot)
    found = {name: value for name, value in told.items() if name != "headings" and value not in (0, [])}
    found = {name: value for name, value in found.items() if name != "overflow" or value > 0}
    if not told["headings"] or shot.stat().st_size < EMPTY:
        found["blank"] = shot.stat().st_size
    return found


def looks(page: Path, width: int, shot: Path) -> dict[str, Any]:
    """What the page looks like at a width in pixels: overflow, empty parts, what it fetched; ``shot`` is a picture."""
    copy = shot.with_suffix(".html")
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", LOOKS + "</body>"), encoding="utf-8")
    common = [browser(), "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},1600"]
    common += [f"--user-data-dir={shot.parent / 'profile'}", "--virtual-time-budget=2000"]
    told = subprocess.run(
        [*common, "--dump-dom", copy.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    taken = [*common, "--hide-scrollbars", f"--screenshot={shot}", page.resolve().as_uri()]
    subprocess.run(taken, capture_output=True, timeout=120, check=True)
    match = re.search(r'data-looks="([^"]*)"', told.stdout)
    assert match, told.stdout[-500:]
    found: dict[str, Any] = json.loads(match[1].replace("&quot;", '"').replace("&amp;", "&"))
    return found
