"""What MONAI's own commands for sharing make of an exported bundle, the hub's API replaced by a folder."""

from __future__ import annotations

import json
import re
import shutil
from types import SimpleNamespace

import monai.bundle.__main__ as program
import pytest
from bundle_files import REPOSITORY
from monai.bundle import push_to_hf_hub, scripts

from mani_monai.apps.inspect.inspection import inspect_bundle, is_dangerous

PARTS = ("docs", "bundles", "pretrained", "studies")
"""Folders of pages."""


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub in a folder: what is uploaded, and the tags."""
    folder, tags = tmp_path / "hub", []
    api = SimpleNamespace(
        create_repo=lambda repo_id, private, exist_ok: None,
        upload_folder=lambda repo_id, folder_path: str(shutil.copytree(folder_path, folder / repo_id)),
        create_tag=lambda repo_id, tag, exist_ok: tags.append(tag),
    )
    monkeypatch.setattr(scripts, "huggingface_hub", SimpleNamespace(HfApi=lambda token: api))
    return SimpleNamespace(folder=folder, tags=tags)


def test_a_pushed_bundle_is_whole_and_harmless(exported, hub, tmp_path):
    """The hub adds the model card as its README.md; whatever the bundle's hashes name is as it was exported."""
    copy = shutil.copytree(exported.folder, tmp_path / "dist" / "mani_unet")
    push_to_hf_hub(repo="lab/mani_unet", name="mani_unet", bundle_dir=str(copy.parent), version="1.2.3")
    pushed = hub.folder / "lab" / "mani_unet"
    assert hub.tags == ["1.2.3"]
    card = (pushed / "README.md").read_text()
    assert card.startswith("---\ntags:\n- monai\n")
    assert "license: apache-2.0" in card
    assert card.endswith((exported.folder / "docs" / "README.md").read_text())
    hashed = json.loads((pushed / "hashes.json").read_text())
    assert set(hashed) == {p.relative_to(pushed).as_posix() for p in pushed.rglob("*") if p.is_file()} - {
        "hashes.json",
        "README.md",
    }
    (pushed / ".gitattributes").write_text("*.pt filter=lfs\n")
    findings = inspect_bundle(pushed)
    assert not is_dangerous(findings)
    hashes = {finding.place: finding.what for finding in findings if finding.kind == "hash"}
    assert hashes == {
        ".gitattributes": "has no hash",
        "README.md": "has no hash",
        "hashes.json": f"all {len(hashed)} files match",
    }


def test_pages_name_commands_that_monais_program_has():
    pages = [*REPOSITORY.glob("*.md"), *(p for part in PARTS for p in (REPOSITORY / part).rglob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"-m monai\.bundle\s+(?:\\\s+)?(\w+)", text))
    assert {"run", "download"} <= named <= set(vars(program))


def test_what_a_hub_does_not_add_is_still_dangerous(exported, tmp_path):
    """The same names elsewhere, another name at the top, and a card whose hash is known and does not match."""
    folder = shutil.copytree(exported.folder, tmp_path / "mani_unet")
    for name in ("scripts/README.md", "README.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x = 1\n")
    (folder / "docs" / "README.md").write_text("another card")
    found = {finding.place for finding in inspect_bundle(folder) if finding.kind == "hash" and finding.dangerous}
    assert found == {"scripts/README.md", "README.py", "docs/README.md"}
