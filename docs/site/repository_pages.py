"""Brings what pages link to from beside ``docs/`` into the site: pages of studies and bundles, configs, tables, code.

MkDocs reads one folder. The repository's pages lie where their subject does, and their links lead from file to file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).parents[2]
DOCS = "docs"
LINK = re.compile(r"(\]\()([^)#\s]+)")
OTHER_NAMES = {"README.md": "front.md", "LICENSE": "LICENSE.txt"}
"""Names in the site, where a page's own would be the site's index and a browser would not show the file."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds every file of the repository that a page links to, and what those pages link to in turn."""
    waiting = [REPOSITORY / DOCS / file.src_uri for file in files.documentation_pages()]
    waiting += [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "SECURITY.md"]
    waiting.append(REPOSITORY / "CHANGELOG.md")
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        if files.get_file_from_path(uri := site_uri(path)) is None:
            files.append(File.generated(config, uri, abs_src_path=str(path)))
        if path.suffix == ".md":
            waiting += [found for _, link in LINK.findall(_prose(path)) if (found := linked(path, link))]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Has a page's links lead to where files are in the site; a folder's link becomes its name."""
    path = Path(str(page.file.abs_src_path))

    def replaced(match: re.Match[str]) -> str:
        target = linked(path, match[2])
        if target is None:
            return match[0]
        return match[1] + os.path.relpath(site_uri(target), Path(page.file.src_uri).parent)

    markdown = re.sub(r"\[([^\]]*)\]\(([^)#\s]+)\)", lambda match: _without_folder(path, match), markdown)
    return LINK.sub(replaced, markdown)


def linked(path: Path, link: str) -> Path | None:
    """The file of the repository that a page's link names; None for another place.

    Args:
        path: the page's file.
        link: as it stands in the page, without an anchor.
    """
    if re.match(r"[a-z]+:", link):
        return None
    target = Path(os.path.normpath(path.parent / unquote(link)))
    return target if target.is_relative_to(REPOSITORY) and target.is_file() else None


def site_uri(path: Path) -> str:
    """Where a file of the repository is in the site's sources: ``docs/`` is their root."""
    inside = path.relative_to(REPOSITORY).as_posix()
    return inside.removeprefix(f"{DOCS}/") if inside.startswith(f"{DOCS}/") else OTHER_NAMES.get(inside, inside)


def _prose(path: Path) -> str:
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def _without_folder(path: Path, match: re.Match[str]) -> str:
    is_folder = not re.match(r"[a-z]+:", match[2]) and (path.parent / match[2]).is_dir()
    return match[1] if is_folder else match[0]
