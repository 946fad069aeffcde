"""A page of the dashboard in a real browser, in a frame, with no network."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import pytest

from tests.builders import boxes, make_tile
from utils.reports.manifest_page import manifest_page
from utils.tiling.manifest import TileManifest

PICTURES = "[...document.images].map(image => image.naturalWidth)"
BOXES = """[...document.querySelectorAll('.picture')].map(picture => {
    const image = picture.querySelector('img').getBoundingClientRect();
    const box = picture.querySelector('rect').getBoundingClientRect();
    return [(box.left - image.left) / image.width, (box.top - image.top) / image.height,
            (box.right - image.left) / image.width, (box.bottom - image.top) / image.height];
})"""


@pytest.fixture
def html(tmp_path: Path) -> str:
    tiles = [make_tile(tmp_path, f"port/{name}", truth=boxes((16, 12, 48, 36))) for name in "abc"]
    return manifest_page(TileManifest.write(tmp_path / "manifest.parquet", ["ship"], tiles))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_load_and_boxes_lie_where_they_belong(
    browser: Any, html: str, scheme: str, tmp_path: Path
) -> None:
    complaints: list[str] = []
    context = browser.new_context(offline=True, color_scheme=scheme)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_content(f'<iframe width="900" height="700" srcdoc="{escape(html)}"></iframe>')
    frame = page.frames[1]
    frame.wait_for_function(f"{PICTURES}.length === 3 && {PICTURES}.every(width => width > 0)")
    for drawn in frame.evaluate(BOXES):
        assert drawn == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=0.02)
    assert frame.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=tmp_path / "page.png")
    assert complaints == []
    context.close()


def test_text_can_be_read_in_light_and_dark(browser: Any, html: str) -> None:
    contrasts = {scheme: _contrast(browser, html, scheme) for scheme in ("light", "dark")}
    assert all(contrast > 7 for contrast in contrasts.values()), contrasts


def _contrast(browser: Any, html: str, scheme: str) -> float:
    """The contrast ratio of text on the page (WCAG 2.2, 1.4.6 asks for 7)."""
    page = browser.new_page(color_scheme=scheme)
    page.set_content(html)
    ink, paper = (
        _luminance(page.evaluate(f"getComputedStyle(document.body).{name}"))
        for name in ("color", "backgroundColor")
    )
    page.close()
    return (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` (WCAG 2.2)."""
    channels = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
