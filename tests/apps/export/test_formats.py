"""A network's files: the exporter's words about itself stay out of the terminal."""

from __future__ import annotations

import logging
import warnings

import onnx
import torch

from mani_monai.apps.export.formats import write_onnx


def test_onnx_is_written_without_a_warning(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)  # a handler of another test may hold a closed stream
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3, padding=1), torch.nn.BatchNorm2d(2))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        write_onnx(network, torch.rand(2, 3, 32, 32), 16, tmp_path / "model.onnx")
    assert [str(warning.message) for warning in heard] == []
    assert capfd.readouterr() == ("", "")
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert ([side.name for side in graph.input], [side.name for side in graph.output]) == (["image"], ["pred"])
