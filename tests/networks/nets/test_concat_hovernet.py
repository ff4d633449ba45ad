"""The concatenated network beside the stock one with the same weights, and its exports."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.networks.nets import HoVerNet
from monai.utils.enums import HoVerNetBranch

from mani_monai.networks.nets import ConcatHoVerNet

ORDER = (HoVerNetBranch.NP.value, HoVerNetBranch.HV.value, HoVerNetBranch.NC.value)
TRACER = "ignore:Converting a tensor to a Python boolean"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("fast", 256, 5), id="fast, types"),
        pytest.param(("fast", 256, 0), id="fast", marks=pytest.mark.slow),
        pytest.param(("original", 270, 0), id="original", marks=pytest.mark.slow),
    ],
)
def example(request) -> tuple[ConcatHoVerNet, torch.Tensor, torch.Tensor]:
    """A network, an image and the stock network's branches, in the order that is asked of ours."""
    mode, size, types = request.param
    torch.manual_seed(0)
    network = ConcatHoVerNet(mode=mode, out_classes=types).eval()
    with torch.device("meta"):
        stock = HoVerNet(mode=mode, out_classes=types).eval()
    assert list(network.state_dict()) == list(stock.state_dict())
    stock.load_state_dict(network.state_dict(), assign=True)
    image = torch.rand(1, 3, size, size)
    with torch.no_grad():
        branches = stock(image)
    return network, image, torch.cat([branches[name] for name in ORDER if name in branches], dim=1)


def test_equals_the_stock_network(example):
    network, image, expected = example
    with torch.no_grad():
        output = network(image)
    assert output.shape[1] == (9 if network.type_prediction is not None else 4)
    assert torch.equal(output, expected)


def test_torchscript_compiles_and_keeps_the_check_of_the_size(example):
    network, image, _ = example
    for one in (network, torch.jit.script(network)):
        with pytest.raises(Exception, match="Input size should be"):  # torch.jit.Error, which is no ValueError
            one(image[..., :200, :200])


@pytest.mark.slow
@pytest.mark.filterwarnings(TRACER)
def test_scripted_and_traced_networks_equal_the_stock_network(example):
    network, image, expected = example
    with torch.no_grad():
        for exported in (torch.jit.script(network), torch.jit.trace(network, image, check_trace=False)):
            torch.testing.assert_close(exported(image), expected, atol=1e-4, rtol=1e-4)
        with pytest.raises(ValueError, match="Input size should be"):
            torch.jit.trace(network, image[..., :200, :200])


@pytest.mark.slow
@pytest.mark.filterwarnings(TRACER)
def test_onnx(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    network, image = ConcatHoVerNet(out_classes=5).eval(), torch.rand(1, 3, 256, 256)
    torch.onnx.export(network, (image,), tmp_path / "network.onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    with torch.no_grad():
        expected = network(image).numpy()
    assert output.shape == (1, 9, 164, 164)
    np.testing.assert_allclose(output, expected, atol=1e-4 * abs(expected).max())
