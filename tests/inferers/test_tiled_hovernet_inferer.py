"""Tiles laid side by side: each pixel from the one window that answers for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.apps.pathology.inferers import SlidingWindowHoVerNetInferer
from monai.data import MetaTensor
from monai.networks.nets import HoVerNet

from mani_monai.inferers import AutocastInferer, TiledHoVerNetInferer
from mani_monai.inferers.tiled_hovernet_inferer import mirrored

SIZES = [(24, 40), (31, 17), (8, 8), (16, 16), (9, 50), (3, 5), (1, 1), (1, 9), (2, 30)]
MODES = {"fast": (256, 164), "original": (270, 80)}


class Valid(torch.nn.Module):
    """16x16 to 8x8 through two valid convolutions whose numbers are whole, so that sums are exact in any order."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.first = torch.randint(-2, 3, (4, 3, 5, 5), generator=random).float()
        self.second = torch.randint(-2, 3, (4, 4, 5, 5), generator=random).float()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(torch.nn.functional.conv2d(images, self.first).relu(), self.second)


class Centre:
    """A network whose answer is the centre of its window; notes the windows that it saw."""

    def __init__(self, window: int, output: int) -> None:
        self.margin, self.output, self.seen = (window - output) // 2, output, []

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images.shape)
        inside = slice(self.margin, self.margin + self.output)
        return images[..., inside, inside]


def picture(height: int, width: int, count: int = 1) -> torch.Tensor:
    random = torch.Generator().manual_seed(height * 1000 + width)
    return torch.randint(0, 9, (count, 3, height, width), generator=random).float()


def tiles_by_hand(images: torch.Tensor, network, window: int, output: int) -> torch.Tensor:
    """The network's outputs, one window at a time, cut from a padded copy and concatenated."""
    margin = (window - output) // 2
    rows, columns = (-(-size // output) for size in images.shape[2:])
    pads = [(margin, margin + n * output - size) for n, size in zip((rows, columns), images.shape[2:], strict=True)]
    padded = torch.from_numpy(np.pad(images.numpy(), ((0, 0), (0, 0), *pads), mode="reflect"))
    lines = []
    for row in range(rows):
        top = row * output
        cut = [padded[:, :, top : top + window, c * output : c * output + window] for c in range(columns)]
        lines.append(torch.cat([torch.cat([network(one[None]) for one in part]) for part in cut], dim=3))
    return torch.cat(lines, dim=2)[:, :, : images.shape[2], : images.shape[3]]


@pytest.mark.parametrize("size", SIZES)
def test_stitched_map_is_the_networks_own_tiles(size):
    images, network = picture(*size, count=2), Valid()
    stitched = TiledHoVerNetInferer(16, 8, batch_size=3)(images, network)
    assert stitched.shape == (2, 4, *size)
    assert torch.equal(stitched, tiles_by_hand(images, network, 16, 8))


@pytest.mark.parametrize("size", SIZES)
def test_seams_leave_no_trace(size):
    """A network without positions answers as if it had seen the whole mirrored image at once."""
    images, network = picture(*size), Valid()
    whole = torch.from_numpy(np.pad(images.numpy(), ((0, 0), (0, 0), (4, 4), (4, 4)), mode="reflect"))
    assert torch.equal(TiledHoVerNetInferer(16, 8)(images, network), network(whole))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(3, 5), (1, 1), (80, 164), (165, 300)])
def test_every_pixel_comes_from_its_own_place(mode, size):
    images = picture(*size)
    assert torch.equal(TiledHoVerNetInferer(*MODES[mode])(images, Centre(*MODES[mode])), images)


@pytest.mark.parametrize(
    ("mode", "size", "tiles"),
    [("fast", 1000, 49), ("original", 1000, 169), ("fast", 256, 4), ("original", 256, 16), ("fast", 164, 1)],
)
def test_windows_are_as_many_as_tiles(mode, size, tiles):
    window, output = MODES[mode]
    network = Centre(window, output)
    images = picture(size, size)
    assert torch.equal(TiledHoVerNetInferer(window, output, batch_size=4)(images, network), images)
    assert sum(shape[0] for shape in network.seen) == tiles
    assert {shape[1:] for shape in network.seen} == {(3, window, window)}
    assert max(shape[0] for shape in network.seen) == min(4, tiles)


def test_windows_are_cut_when_their_turn_comes(monkeypatch):
    alive, most, cut = [0], [], TiledHoVerNetInferer._cut

    def counted(self, *place):
        alive[0] += 1
        return cut(self, *place)

    def network(images):
        most.append(alive[0])
        alive[0] = 0
        return images[..., 4:12, 4:12]

    monkeypatch.setattr(TiledHoVerNetInferer, "_cut", counted)
    TiledHoVerNetInferer(16, 8, batch_size=2)(picture(80, 80), network)
    assert most == [2] * 50


def test_dictionaries_come_back_as_dictionaries():
    images, network, centre = picture(20, 33), Valid(), Centre(16, 8)
    inferer = TiledHoVerNetInferer(16, 8)
    both = inferer(images, lambda windows: {"maps": network(windows), "same": centre(windows)})
    assert list(both) == ["maps", "same"]
    assert torch.equal(both["maps"], inferer(images, network))
    assert torch.equal(both["same"], images)


def test_the_files_name_stays_with_the_map():
    images = MetaTensor(picture(20, 33), meta={"filename_or_obj": "a.png"})
    stitched = TiledHoVerNetInferer(16, 8)(images, Valid())
    assert isinstance(stitched, MetaTensor)
    assert stitched.meta["filename_or_obj"] == "a.png"


def test_further_arguments_reach_the_network():
    images = picture(8, 8)
    network = Centre(16, 8)
    stitched = TiledHoVerNetInferer(16, 8)(images, lambda x, plus, times: network(x) * times + plus, 1, times=2)
    assert torch.equal(stitched, images * 2 + 1)


def test_precision_and_layout_reach_the_network():
    seen = {}

    def network(windows):
        weights = torch.ones(2, 3, 9, 9)
        maps = torch.nn.functional.conv2d(windows, weights)
        seen.update(dtype=maps.dtype, last=windows.is_contiguous(memory_format=torch.channels_last))
        return maps

    tiled = TiledHoVerNetInferer(16, 8)
    for last in (True, False):
        stitched = AutocastInferer("bfloat16", channels_last=last, inferer=tiled)(picture(20, 33), network)
        assert seen == {"dtype": torch.bfloat16, "last": last}
        assert stitched.dtype == torch.float32
    exact = AutocastInferer("float32", channels_last=True, inferer=tiled)(picture(20, 33), Valid())
    assert torch.equal(exact, tiled(picture(20, 33), Valid()))


def monai_inferer(window: int, output: int) -> SlidingWindowHoVerNetInferer:
    margin = (window - output) // 2
    return SlidingWindowHoVerNetInferer(
        roi_size=window, overlap=1 - output / window, padding_mode="reflect", extra_input_padding=(margin,) * 4
    )


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.parametrize(("window", "output", "size"), [(16, 8, (24, 40)), (20, 8, (64, 32)), (16, 16, (32, 48))])
def test_equals_monai_where_sizes_are_multiples(window, output, size):
    images, centre, weights = picture(*size), Centre(window, output), torch.arange(8.0).reshape(2, 4, 1, 1)
    weights = weights[:, :3]

    def network(windows):
        return torch.nn.functional.conv2d(centre(windows) + windows.mean(dim=(2, 3), keepdim=True), weights)

    ours = TiledHoVerNetInferer(window, output)(images, network)
    torch.testing.assert_close(ours, monai_inferer(window, output)(images, network), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_hovernet_itself(mode):
    window, output = MODES[mode]
    torch.manual_seed(0)
    network = HoVerNet(mode=mode).eval()
    images = torch.rand(1, 3, output + 6, 40)
    with torch.no_grad():
        stitched = TiledHoVerNetInferer(window, output, batch_size=1)(images, network)
        assert list(stitched) == ["nucleus_prediction", "horizontal_vertical"]
        for name in stitched:
            by_hand = tiles_by_hand(images, lambda windows, name=name: network(windows)[name], window, output)
            assert torch.equal(stitched[name], by_hand)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
def test_hovernet_equals_monai_where_sizes_are_multiples():
    torch.manual_seed(0)
    network, images = HoVerNet().eval(), torch.rand(1, 3, 164, 328)
    with torch.no_grad():
        ours = TiledHoVerNetInferer()(images, network)
        monai = monai_inferer(256, 164)(images, network)
    for name, maps in ours.items():
        torch.testing.assert_close(maps, monai[name], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_mirror_is_numpys(size):
    expected = np.pad(np.arange(size), 50, mode="reflect")
    np.testing.assert_array_equal(mirrored(-50, size + 100, size).numpy(), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((256, 163), "even rest, got 163 in 256"),
        ((80, 164), "even rest, got 164 in 80"),
        ((8, 0), "even rest, got 0 in 8"),
        ((16, 8, 0), "batch_size must be >= 1, got 0"),
    ],
)
def test_sizes_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        TiledHoVerNetInferer(*arguments)


def test_a_network_of_another_size_is_named():
    with pytest.raises(ValueError, match=r"must be the network's, \(8, 8\), got 10"):
        TiledHoVerNetInferer(16, 10)(picture(20, 20), Valid())
