from pathlib import Path

import pytest
import torch

from mani_monai.utils import InputError
from mani_monai.utils.files import load_tensors
from mani_monai.utils.leftovers import is_leftover, is_lfs_pointer

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize("name", [".DS_Store", "._a.png", "Thumbs.db", "THUMBS.DB", "desktop.ini", "__MACOSX/a.png"])
def test_what_systems_leave(name):
    assert is_leftover(Path("/data") / name, Path("/data"))


@pytest.mark.parametrize("name", ["a.png", "thumbs.png", "a/desktop.png", "MACOSX/a.png"])
def test_what_users_leave(name):
    assert not is_leftover(Path("/data/.hidden") / name, Path("/data/.hidden"))
    assert not is_leftover(Path(name))


def test_a_pointer_in_place_of_weights_is_called_one(tmp_path):
    path = tmp_path / "model.pt"
    path.write_text(POINTER)
    assert is_lfs_pointer(path)
    with pytest.raises(InputError, match=r"model\.pt: is a Git LFS pointer, not the file itself; .*git lfs pull\.$"):
        load_tensors(path)
    torch.save({}, path)
    assert not is_lfs_pointer(path)
    assert not is_lfs_pointer(tmp_path / "none")
