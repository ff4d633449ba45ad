"""The list of configs on the command line and as a page."""

from __future__ import annotations

import re

import pytest

from mani_monai.apps.configs.configs_command import configs
from mani_monai.config_index import BUNDLES, list_configs
from mani_monai.utils import InputError


def test_every_config_is_listed_with_its_description(capsys):
    configs(bundle="mani_hovernet")
    lines = capsys.readouterr().out.splitlines()
    for entry in list_configs(BUNDLES / "mani_hovernet"):
        (line,) = [line for line in lines if line.split()[0] == entry.name]
        assert entry.description in line
        assert line.endswith("(shared)") is (entry.owner == "shared")
    assert not any("mani_unet" in line for line in lines)


def test_the_page_links_to_every_file(tmp_path):
    configs(page=str(tmp_path / "page" / "methods.md"))
    links = re.findall(r"\]\((\S+\.json)\)", (tmp_path / "page" / "methods.md").read_text())
    files = {(tmp_path / "page" / link).resolve() for link in links}
    assert files == {entry.path for name in ("mani_unet", "mani_hovernet") for entry in list_configs(BUNDLES / name)}


def test_an_unknown_bundle():
    with pytest.raises(InputError, match="--bundle unet: no such bundle; choose from mani_hovernet, mani_unet"):
        configs(bundle="unet")
