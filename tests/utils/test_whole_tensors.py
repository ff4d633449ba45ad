"""Files of tensors are whole, or refused."""

import pytest
import torch

from mani_monai.utils import InputError
from mani_monai.utils.whole_tensors import load_whole


def test_weights_of_which_a_stretch_was_lost_are_refused(tmp_path):
    """PyTorch loads them: it does not look at the checksums that it writes."""
    path, weights = tmp_path / "model.pt", {"weight": torch.arange(1.0, 4001.0)}
    torch.save(weights, path)
    content = bytearray(path.read_bytes())
    place = content.find(weights["weight"][2000:2003].numpy().tobytes())
    content[place : place + 512] = bytes(512)
    path.write_bytes(content)
    assert not torch.equal(torch.load(path, weights_only=True)["weight"], weights["weight"])
    with pytest.raises(
        InputError, match=r"model\.pt: is damaged \(.*/data/0 differs from its checksum\); copy it again"
    ):
        load_whole(path)
    torch.save(weights, path, _use_new_zipfile_serialization=False)
    assert torch.equal(load_whole(path)["weight"], weights["weight"])
