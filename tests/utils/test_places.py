"""Where bundles and weights are found: by the environment, the repository or the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from mani_monai.utils import InputError, places

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("part", places.PARTS)
def test_a_checkout_uses_its_own(part, monkeypatch):
    monkeypatch.delenv(places.VARIABLE, raising=False)
    assert places.place_of(part) == REPOSITORY / part


def test_the_environment_comes_first(monkeypatch, tmp_path):
    (tmp_path / "bundles").mkdir()
    monkeypatch.setenv(places.VARIABLE, str(tmp_path))
    assert places.place_of("bundles") == tmp_path / "bundles"
    with pytest.raises(InputError, match=f"{tmp_path}/pretrained: is not there; mend MANI_HOME"):
        places.place_of("pretrained")


def test_an_installed_package_uses_what_it_brought(monkeypatch, tmp_path):
    monkeypatch.delenv(places.VARIABLE, raising=False)
    monkeypatch.setattr(places, "_PACKAGE", tmp_path / "site-packages" / "mani_monai")
    with pytest.raises(InputError, match="bundles: is not there; install mani-monai again"):
        places.place_of("bundles")
    folder = tmp_path / "site-packages" / "mani_monai" / "share" / "bundles"
    folder.mkdir(parents=True)
    assert places.place_of("bundles") == folder


def test_the_weights_that_come_along_have_a_name_in_every_folder(monkeypatch, tmp_path):
    monkeypatch.delenv(places.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    name = Path("pretrained/mani_unet")
    assert places.shipped(name) == REPOSITORY / "pretrained" / "mani_unet"
    for other in ("pretrained/none", "trained/mani_unet", "mani_unet"):
        assert places.shipped(Path(other)) == Path(other)
    name.mkdir(parents=True)
    assert places.shipped(name) == name  # a user's own
