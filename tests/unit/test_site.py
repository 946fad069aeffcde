"""The sources of the documentation's site are complete in themselves."""

from __future__ import annotations

import re
from pathlib import Path

from docs.site import gather, reference_pages


def test_every_room_of_the_library_has_a_page_with_every_module():
    pages = reference_pages()
    assert "::: utils.geometry" in pages["utils"]
    assert "::: utils.scenes.coco" in pages["scenes"]
    assert "::: utils.detection.ultralytics.train" in pages["detection"]
    assert not [page for page in pages.values() if "__init__" in page]


def test_links_out_of_the_documents_lead_to_files_of_the_site(tmp_path):
    gather(tmp_path / "pages")
    for page in (tmp_path / "pages").glob("*.md"):
        links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())
        assert [link for link in links if not Path(page.parent, link).exists()] == [], page.name
        assert [link for link in links if link.startswith("..")] == [], page.name
    configuration = tmp_path / "pages" / "project" / "configs" / "promotion.yaml"
    assert "margin" in configuration.read_text()
