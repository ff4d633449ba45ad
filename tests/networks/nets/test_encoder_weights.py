"""Files in each layout, made key by key, against what a HoVerNet holds afterwards and against MONAI's own loader."""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path

import pytest
import torch
from monai.networks.nets import BasicUNet, HoVerNet
from torch import Tensor, nn

from mani_monai.networks.nets import LightHoVerNet, load_encoder, prepare_encoder
from mani_monai.utils import InputError

UNITS = (3, 4, 6, 3)
ENTRIES = 298


class Entries(dict):
    """A state dictionary whose tensors each hold one number of their own, and take no room in a file."""

    def add(self, name: str, *shape: int) -> None:
        self[name] = torch.tensor(float(len(self) + 1)).expand(shape)

    def add_norm(self, name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            self.add(f"{name}.{part}", channels)
        self[f"{name}.num_batches_tracked"] = torch.tensor(len(self) + 1)


def torchvision_file(units: tuple[int, ...] = UNITS, width: int = 64) -> Entries:
    """torchvision's bottleneck ResNet: 50 by default; units (3, 4, 23, 3) are its ResNet-101."""
    entries = Entries()
    entries.add("conv1.weight", 64, 3, 7, 7)
    entries.add_norm("bn1", 64)
    channels = 64
    for stage, count in enumerate(units):
        inner, outer = width * 2**stage, 256 * 2**stage
        for unit in range(count):
            name = f"layer{stage + 1}.{unit}"
            for number, (size, *shape) in enumerate(((1, inner, channels), (3, inner, inner), (1, outer, inner)), 1):
                entries.add(f"{name}.conv{number}.weight", *shape, size, size)
                entries.add_norm(f"{name}.bn{number}", shape[0])
            if unit == 0:
                entries.add(f"{name}.downsample.0.weight", outer, channels, 1, 1)
                entries.add_norm(f"{name}.downsample.1", outer)
            channels = outer
    entries.add("fc.weight", 1000, channels)
    entries.add("fc.bias", 1000)
    return entries


def hover_net_file() -> Entries:
    """hover_net's network, of whose decoder one entry stands for all."""
    entries = Entries()
    entries.add("conv0./.weight", 64, 3, 7, 7)
    entries.add_norm("conv0.bn", 64)
    channels = 64
    for block, count in enumerate(UNITS):
        inner, outer = 64 * 2**block, 256 * 2**block
        entries.add(f"d{block}.shortcut.weight", outer, channels, 1, 1)
        for unit in range(count):
            name = f"d{block}.units.{unit}"
            if unit:
                entries.add_norm(f"{name}.preact/bn", channels)
            entries.add(f"{name}.conv1.weight", inner, channels, 1, 1)
            entries.add_norm(f"{name}.conv1/bn", inner)
            entries.add(f"{name}.conv2.weight", inner, inner, 3, 3)
            entries.add_norm(f"{name}.conv2/bn", inner)
            entries.add(f"{name}.conv3.weight", outer, inner, 1, 1)
            channels = outer
        entries.add_norm(f"d{block}.blk_bna.bn", outer)
    entries.add("conv_bot.weight", 1024, 2048, 1, 1)
    entries.add("decoder.np.u3.conva.weight", 256, 1024, 3, 3)
    entries.add("upsample2x.unpool_mat", 2, 2)
    return entries


def monai_file(network: HoVerNet) -> Entries:
    entries = Entries()
    for name, value in network.state_dict().items():
        entries.add(name, *value.shape)
    return entries


def save(content: object, folder: Path) -> Path:
    torch.save(dict(content) if isinstance(content, Entries) else content, folder / "weights.pt")
    return folder / "weights.pt"


@pytest.fixture(scope="module", autouse=True)
def uninitialised():
    """Weights that no test looks at are not drawn: a HoVerNet is made at once."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("kaiming_normal_", "kaiming_uniform_"):
            patch.setattr(nn.init, name, lambda weight, *args, **kwargs: weight)
        yield


@pytest.fixture(scope="module")
def shared(uninitialised) -> HoVerNet:
    return HoVerNet()


@pytest.fixture
def network(shared) -> HoVerNet:
    """A HoVerNet filled with -1."""
    with torch.no_grad():
        for value in shared.state_dict().values():
            value.fill_(-1)
    return shared


def encoder(network: nn.Module) -> dict[str, Tensor]:
    return {k: v for k, v in network.state_dict().items() if k.startswith(("conv0.", "res_blocks."))}


def loaded(network: nn.Module) -> dict[str, int]:
    """What each entry is filled with, all its values being equal."""
    ends = {name: value.aminmax() for name, value in network.state_dict().items()}
    assert all(low == high for low, high in ends.values())
    return {name: int(low) for name, (low, _) in ends.items()}


def test_every_entry_of_an_imagenet_file_finds_its_place(network, tmp_path, capsys):
    file = torchvision_file()
    assert load_encoder(network, save(file, tmp_path)) == ENTRIES == len(encoder(network))
    assert "weights.pt: 298 of 298 entries of the encoder loaded (torchvision layout)\n" in capsys.readouterr().out
    after = loaded(network)
    for name, source in {
        "conv0.conv.weight": "conv1.weight",
        "res_blocks.d0.shortcut.weight": "layer1.0.downsample.0.weight",
        "res_blocks.d3.bna_block.bn.bias": "layer4.0.downsample.1.bias",
        "res_blocks.d2.layers.denselayer_5.layers.conv2/bn.running_var": "layer3.5.bn2.running_var",
        "res_blocks.d2.layers.denselayer_5.layers.preact/bn.weight": "layer3.4.bn3.weight",
    }.items():
        assert after[name] == file[source].unique(), name
    placed = [after[name] for name in encoder(network)]
    assert -1 not in placed
    assert len(set(placed)) == ENTRIES
    assert {after[name] for name in after if name not in encoder(network)} == {-1}


@pytest.mark.parametrize("wrapper", [None, "desc"])
def test_every_entry_of_a_hover_net_file_finds_its_place(network, tmp_path, capsys, wrapper):
    file = hover_net_file()
    assert load_encoder(network, save(dict(file) if wrapper is None else {wrapper: dict(file)}, tmp_path)) == ENTRIES
    assert "298 of 298 entries of the encoder loaded (hover_net layout)" in capsys.readouterr().out
    after = loaded(network)
    for name, source in {
        "conv0.conv.weight": "conv0./.weight",
        "res_blocks.d2.layers.denselayer_5.layers.conv2/bn.weight": "d2.units.5.conv2/bn.weight",
    }.items():
        assert after[name] == file[source].unique(), name
    assert len({after[name] for name in encoder(network)} - {-1}) == ENTRIES
    assert {after[name] for name in after if name not in encoder(network)} == {-1}


def test_a_hovernet_of_monai(network, tmp_path, capsys):
    """From a run on several processes into a network on several: both carry a prefix."""
    file = monai_file(network)
    path = save({"model": {f"module.{name}": value for name, value in file.items()}}, tmp_path)
    assert load_encoder(nn.ModuleDict({"module": network}), path) == ENTRIES
    assert "298 of 298 entries of the encoder loaded (MONAI layout)" in capsys.readouterr().out
    after = loaded(network)
    assert all(after[name] == (file[name].unique() if name in encoder(network) else -1) for name in after)


@pytest.mark.filterwarnings("ignore:No hash value provided")
@pytest.mark.parametrize("layout", ["torchvision", "hover_net"])
def test_equals_monai_that_downloads_the_file(network, tmp_path, monkeypatch, layout):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    path = save(torchvision_file() if layout == "torchvision" else {"desc": dict(hover_net_file())}, tmp_path)
    expected = HoVerNet(
        freeze_encoder=True, pretrained_url=path.as_uri(), adapt_standard_resnet=layout == "torchvision"
    )
    load_encoder(network, path)
    for name, value in encoder(expected).items():
        assert torch.equal(value, network.state_dict()[name]), name


def test_what_is_missing_is_counted_and_named(network, tmp_path, capsys):
    """Files of before 2018 have no counters of batches."""
    file = {name: value for name, value in torchvision_file().items() if "num_batches_tracked" not in name}
    assert load_encoder(network, save(file, tmp_path)) == 249
    assert (
        "249 of 298 entries of the encoder loaded (torchvision layout); missing: bn1.num_batches_tracked, "
        "layer1.0.bn1.num_batches_tracked, layer1.0.bn2.num_batches_tracked and 46 more\n"
    ) in capsys.readouterr().out
    whole = dict(torchvision_file())
    del whole["layer4.2.conv3.weight"]
    assert load_encoder(network, save(whole, tmp_path)) == 297
    assert capsys.readouterr().out.endswith("missing: layer4.2.conv3.weight\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: torchvision_file(units=(3, 4, 23, 3)), "another network than this encoder .*layer3.6.conv1.weight"),
        (lambda: torchvision_file(width=128), r"another network than this encoder .*layer1.0.conv1.weight"),
        (lambda: BasicUNet(2, 3, 2, features=[4] * 6).state_dict(), "none of its .* belongs to a ResNet-50"),
        (lambda: torch.zeros(3), "not a checkpoint of tensors"),
        (dict, "holds no state dictionary"),
        (lambda: {0: torch.zeros(3)}, "holds no state dictionary"),
        (lambda: {"epoch": 3, "conv1.weight": torch.zeros(64, 3, 7, 7)}, "holds no state dictionary"),
    ],
)
def test_a_file_of_something_else_changes_nothing(network, tmp_path, content, message):
    path = save(content(), tmp_path)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: .*{message}") as error:
        load_encoder(network, path)
    assert "\n" not in str(error.value)
    assert set(loaded(network).values()) == {-1}


def test_a_file_that_is_missing_or_no_file_of_tensors(network, tmp_path):
    with pytest.raises(InputError, match="no such file; name a local file"):
        load_encoder(network, tmp_path / "none.pt")
    with pytest.raises(InputError, match="no such file"):
        load_encoder(network, "https://example.org/resnet50.pth")
    (tmp_path / "text.pt").write_text("not weights")
    with pytest.raises(InputError, match="not a checkpoint of tensors"):
        load_encoder(network, tmp_path / "text.pt")
    (tmp_path / "code.pt").write_bytes(pickle.dumps(print, protocol=2))
    with pytest.raises(InputError, match="not a checkpoint of tensors"):
        load_encoder(network, tmp_path / "code.pt")


def test_a_network_without_that_encoder(tmp_path):
    path = save(torchvision_file(), tmp_path)
    for network in (BasicUNet(2, 3, 2, features=[4] * 6), LightHoVerNet([4] * 6)):
        message = f"--encoder_weights {path}: a {type(network).__name__} has no encoder of ResNet-50; leave"
        with pytest.raises(InputError, match=re.escape(message)):
            prepare_encoder(network, path, frozen=False)


def test_preparing_loads_warns_or_leaves_alone(network, tmp_path):
    path = save(torchvision_file(), tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare_encoder(network, None, frozen=False)
        assert set(loaded(network).values()) == {-1}
        prepare_encoder(network, str(path), frozen=True)
    after = loaded(network)
    assert -1 not in {after[name] for name in encoder(network)}
    for none in (None, ""):
        with pytest.warns(UserWarning, match="random weights would stay as they are") as caught:
            prepare_encoder(network, none, frozen=True)
        assert len(caught) == 1
        assert "\n" not in str(caught[0].message)
