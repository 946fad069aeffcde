"""Take the pictures of the README from a real run: `make screenshots`, after `make demo`.

Every server that is not running is started, the pages are opened in a Chromium without a window,
and each picture is written to `docs/images`, small enough to keep.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Page, Route, ViewportSize, sync_playwright

from commands.console import complain, say
from commands.servers.embedded import open_dashboard, use_demo_store
from utils.errors import ServerError, SpyglassError
from utils.files import write_whole
from utils.paths import PROJECT_ROOT
from utils.privacy import keep_private

_IMAGES = PROJECT_ROOT / "docs" / "images"
_VIEWPORT: ViewportSize = {"width": 1440, "height": 900}
_WIDTHS = (1200, 1000, 800, 600)
_LARGEST_BYTES = 300_000
_LANCZOS = Image.Resampling.LANCZOS
_NO_DITHER = Image.Dither.NONE
_LOOPBACK = ("127.0.0.1", "localhost")
# FiftyOne draws in workers that do not say when they are done.
_DRAWING_MS = 3000
_FIFTYONE_DATASET = "spyglass-demo"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pictures are taken.

    Attributes:
        dashboard: Address of the ZenML dashboard; "" to start it.
        dataset: Name of the FiftyOne dataset.
    """

    dashboard: str
    dataset: str


def main(arguments: list[str]) -> int:
    """Take the pictures asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.screenshots", description=__doc__)
    parser.add_argument("--dashboard", default="", help="address of a running ZenML dashboard")
    parser.add_argument("--dataset", default=_FIFTYONE_DATASET, help="name of the FiftyOne dataset")
    parser.add_argument("--only", nargs="+", choices=_PICTURES, default=list(_PICTURES))
    parser.add_argument("--output", type=Path, default=_IMAGES, help="folder of the pictures")
    wanted = parser.parse_args(arguments)
    keep_private()
    use_demo_store()
    places = Places(wanted.dashboard, wanted.dataset)
    try:
        for name in wanted.only:
            picture = wanted.output / f"{name}.png"
            write_whole(picture, compressed(photograph(_PICTURES[name], places)))
            say(f"{picture}: {picture.stat().st_size // 1000} kB")
    except SpyglassError as error:
        complain(f"Error: {error}")
        return 1
    return 0


def photograph(show: Callable[[Page, Places], None], places: Places) -> bytes:
    """The PNG of what `show` brings to a page of a fresh browser.

    Raises:
        ServerError: If there is no Chromium on this machine.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise ServerError("There is no chromium on the PATH. Install one: apt install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=_VIEWPORT, reduced_motion="reduce")
        # Offline, a font from another machine would keep the picture waiting.
        page.route(_is_elsewhere, lambda route: route.abort())
        show(page, places)
        picture = page.screenshot(animations="disabled")
        browser.close()
    return picture


def compressed(picture: bytes) -> bytes:
    """A PNG as one of 256 colours, as wide as the size limit allows."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    content = b""
    for width in _WIDTHS:
        smaller = image.resize((width, image.height * width // image.width), _LANCZOS)
        stream = io.BytesIO()
        smaller.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=_NO_DITHER).save(
            stream, "PNG", optimize=True
        )
        content = stream.getvalue()
        if len(content) <= _LARGEST_BYTES:
            break
    return content


def show_label_studio(page: Page, _: Places) -> None:
    """The task with the most boxes, in the newest project of the embedded Label Studio."""
    from utils.annotation.label_studio.connection import ask, connect
    from utils.annotation.label_studio.server import start_label_studio

    server = start_label_studio()
    client = connect(server.url, server.api_key)
    project = ask(client, "GET", "api/projects", params={"ordering": "-created_at"})["results"][0]
    listed = ask(
        client,
        "GET",
        "api/tasks",
        params={"project": project["id"], "fields": "all", "page_size": 100},
    )["tasks"]
    task = max(
        listed,
        key=lambda one: sum(
            len(shown["result"]) for shown in one["annotations"] + one["predictions"]
        ),
    )
    page.goto(f"{server.url}/user/login")
    page.fill("input[name=email]", server.username)
    page.fill("input[name=password]", server.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "login" not in url)
    page.goto(f"{server.url}/projects/{project['id']}/data?task={task['id']}")
    page.wait_for_function(
        "window.Konva && Konva.stages.length && Konva.stages[0].find('Rect').length > 2"
    )
    page.wait_for_load_state("networkidle")


def show_fiftyone(page: Page, places: Places) -> None:
    """The tiles of a dataset, with truth and predictions."""
    from utils.curation.app import serve_app, stop_app

    stop_app()  # The App remembers what somebody has left open.
    page.goto(serve_app(places.dataset))
    page.wait_for_selector("[data-cy=looker]", timeout=60_000)
    page.get_by_text("Dismiss", exact=True).wait_for()
    page.keyboard.press("Escape")
    page.wait_for_timeout(_DRAWING_MS)


def show_manifest(page: Page, places: Places) -> None:
    """The page of the tile manifest in the dashboard."""
    _show_artifact(page, places, "tile_manifest")


def show_evaluation(page: Page, places: Places) -> None:
    """The page of the evaluation in the dashboard."""
    _show_artifact(page, places, "evaluation")


def _show_artifact(page: Page, places: Places, name: str) -> None:
    """The visualisation of the newest artifact of that name, beside the run that made it."""
    from zenml.client import Client

    client = Client()
    run = client.get_artifact_version(name).run
    shown = f"/projects/{client.active_project.name}/runs/{run.id}"
    page.route("**/api/v1/current-user*", _without_survey)
    page.goto(places.dashboard + shown if places.dashboard else open_dashboard(shown))
    page.get_by_text(name, exact=True).first.click()
    page.get_by_role("tab", name="Visualization").last.click()
    page.get_by_role("button", name="Load Preview").click()
    page.frame_locator("iframe").locator("main").wait_for()
    # The dashboard gives a page 384 px and a scroll bar; a picture cannot be scrolled.
    page.add_style_tag(content="iframe { height: 620px !important; }")
    page.wait_for_load_state("networkidle")


def _without_survey(route: Route) -> None:
    """Answer for a user whom the dashboard no longer asks for an e-mail address."""
    answer = route.fetch()
    user: dict[str, Any] = answer.json()
    user["body"]["email_opted_in"] = False
    user["metadata"]["user_metadata"] = {
        "finished_onboarding_survey": True,
        "overview_tour_done": True,
    }
    route.fulfill(response=answer, json=user)


def _is_elsewhere(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and parts.hostname not in _LOOPBACK


_PICTURES: dict[str, Callable[[Page, Places], None]] = {
    "label_studio": show_label_studio,
    "fiftyone": show_fiftyone,
    "dashboard": show_manifest,
    "evaluation": show_evaluation,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
