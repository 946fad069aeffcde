"""Build the documentation as a site: `python -m docs.site`; a broken link is an error.

The pages are gathered in one folder first: those of `docs/`, one page of the API reference for each
room of `utils`, and the files of the project that a page links to, such as
`../configs/promotion.yaml`. So every link of the site leads to a file of the site.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from utils.paths import PROJECT_ROOT, local_folder

_DOCUMENTS = PROJECT_ROOT / "docs"
_LIBRARY = PROJECT_ROOT / "utils"
_CHANGES = "CHANGELOG.md"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LINK_OUT = re.compile(r"\]\(\.\./([^)#\s]+)")
_LINK_INTO_DOCUMENTS = re.compile(r"\]\(docs/")


def main() -> int:
    """Build the site in `.local/site`; returns the exit code of Zensical."""
    sources = local_folder("site-sources")
    shutil.rmtree(sources, ignore_errors=True)
    gather(sources / "pages")
    config = sources / "zensical.yml"
    config.write_text(yaml.safe_dump(_configuration(), sort_keys=False))
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "-f", config],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        said = _COLOUR.sub("", built.stdout + built.stderr)
        print(said.partition("Traceback")[0])
        return 1
    site = local_folder("site")
    shutil.rmtree(site, ignore_errors=True)
    (sources / "site").replace(site)
    return 0


def gather(pages: Path) -> None:
    """Write all sources of the site to a folder.

    Args:
        pages: The folder; it must not exist.
    """
    shutil.copytree(
        _DOCUMENTS, pages, ignore=shutil.ignore_patterns("*.py", "*.yml", "__pycache__")
    )
    changes = (PROJECT_ROOT / _CHANGES).read_text()
    (pages / _CHANGES).write_text(_LINK_INTO_DOCUMENTS.sub("](", changes))
    for page in pages.glob("*.md"):
        page.write_text(_with_project_files(page, pages))
    for name, text in reference_pages().items():
        page = pages / "reference" / f"{name}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(text)


def _with_project_files(page: Path, pages: Path) -> str:
    """The text of a page, with links out of `docs/` led to copies of these files.

    A link to a folder or to nothing stays as it is, so the build calls it broken.
    """

    def lead(link: re.Match[str]) -> str:
        name = link[1]
        if name == "README.md":
            return "](index.md"
        file = PROJECT_ROOT / name
        if not file.is_file():
            return link[0]
        copy = pages / "project" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        return f"](project/{name}"

    return _LINK_OUT.sub(lead, page.read_text())


def reference_pages() -> dict[str, str]:
    """The Markdown of the API reference by room of the library, in order of name.

    A room is a package directly below `utils`. The modules that lie in `utils` itself share a page.
    Files in a folder that is no package are no modules: bundles carry them as they are.
    """
    rooms = {
        init.parent.name: [
            file for file in init.parent.rglob("*.py") if (file.parent / "__init__.py").is_file()
        ]
        for init in _LIBRARY.glob("*/__init__.py")
    }
    pages = {"utils": _page("utils", sorted(_LIBRARY.glob("*.py")))}
    for name in sorted(rooms):
        pages[name] = _page(f"utils.{name}", sorted(rooms[name]))
    return pages


def _page(title: str, modules: list[Path]) -> str:
    paths = [module.relative_to(PROJECT_ROOT).with_suffix("") for module in modules]
    names = [".".join(path.parts) for path in paths if path.name != "__init__"]
    return "\n\n".join([f"# {title}", *(f"::: {name}" for name in names)])


def _configuration() -> dict[str, object]:
    configuration: dict[str, object] = yaml.safe_load((_DOCUMENTS / "site.yml").read_text())
    reference = [{name: f"reference/{name}.md"} for name in reference_pages()]
    navigation = configuration["nav"]
    plugins = configuration["plugins"]
    assert isinstance(navigation, list)  # noqa: S101 (the file is the project's own)
    assert isinstance(plugins, list)  # noqa: S101
    navigation.append({"The library": reference})
    plugins[-1]["mkdocstrings"]["handlers"]["python"]["paths"] = [str(PROJECT_ROOT)]
    return configuration | {"docs_dir": "pages", "site_dir": "site"}


if __name__ == "__main__":
    sys.exit(main())
