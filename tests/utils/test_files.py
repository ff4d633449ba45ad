"""Files of tensors: written whole or not at all, read without executing anything."""

from __future__ import annotations

import os
import pickle

import pytest
import torch
from torch import nn
from warm_python import run_python

from mani_monai.utils import InputError
from mani_monai.utils.files import load_finished, load_network, load_tensors, raise_unwritten, save_atomically

LIMITED = """
import resource, sys, torch
from mani_monai.utils.files import save_atomically
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
save_atomically({"weights": torch.ones(1_000_000)}, sys.argv[1])
"""


def test_what_is_saved_is_read(tmp_path):
    content = {"weights": torch.rand(3, 4), "optimizer": {"step": torch.tensor(3)}, "iteration": 7, "score": 0.5}
    path = tmp_path / "new" / "folder" / "checkpoint.pt"
    save_atomically(content, path)
    read = load_tensors(str(path))
    assert torch.equal(read["weights"], content["weights"])
    assert (read["iteration"], read["score"]) == (7, 0.5)
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


def test_full_disk_keeps_the_old_file_and_says_so(tmp_path, command_environment):
    path = tmp_path / "checkpoint.pt"
    save_atomically({"weights": torch.zeros(3)}, path)
    done = run_python(["-c", LIMITED, path], tmp_path, command_environment)
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]  # a library's error: a program that is none of ours shows where it came from
    assert last.startswith(f"mani_monai.utils.errors.InputError: {path}: cannot be written (")
    assert "what was saved before is intact" in last
    assert torch.equal(load_tensors(path)["weights"], torch.zeros(3))
    assert os.listdir(tmp_path) == ["checkpoint.pt"], "no temporary file is left"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"file/model\.pt: cannot be written \("):
        save_atomically({}, tmp_path / "file" / "model.pt")


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    save_atomically({"weights": torch.zeros(3)}, path)

    def interrupted(content, file, **options):
        file.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_atomically({"weights": torch.ones(3)}, path)
    assert torch.equal(load_tensors(path)["weights"], torch.zeros(3))
    assert os.listdir(tmp_path) == ["model.pt"]


@pytest.mark.parametrize(
    ("message", "context", "unwritten"),
    [
        ("CUDA error: an illegal memory access was encountered", None, False),
        ("Cannot copy out of meta tensor; no data!", None, False),
        ("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0", None, True),
        ("PytorchStreamWriter failed writing file data/0: file write failed", None, True),
        ("it was not written", OSError(28, "No space left on device"), True),
    ],
)
def test_only_what_is_not_written_is_called_so(message, context, unwritten, tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    save_atomically({"weights": torch.zeros(3)}, path)

    def failing(content, file, **options):
        error = RuntimeError(message)
        error.__context__ = context
        file.write(b"half of it")
        raise error

    monkeypatch.setattr(torch, "save", failing)
    with pytest.raises(InputError if unwritten else RuntimeError) as raised:
        save_atomically({"weights": torch.ones(3)}, path)
    assert ("cannot be written" in str(raised.value)) == unwritten
    assert message.splitlines()[0] in str(raised.value)
    assert torch.equal(load_tensors(path)["weights"], torch.zeros(3))
    assert os.listdir(tmp_path) == ["model.pt"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"model\.pt: no such file; train first"):
        load_tensors(tmp_path / "model.pt")


class Malicious:
    """Unpickles into a call."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("kind", ["truncated", "text", "empty", "pickle", "later pickle", "checkpoint of objects"])
def test_what_is_no_file_of_tensors_is_refused_and_not_executed(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    torch.save({"weights": torch.ones(1000)}, path)
    if kind == "checkpoint of objects":
        torch.save({"weights": Malicious()}, path)
    else:
        pickles = {"pickle": pickle.dumps(Malicious(), protocol=2), "later pickle": pickle.dumps(Malicious())}
        contents = {"text": b"hello", "empty": b"", **pickles}
        path.write_bytes(contents.get(kind, path.read_bytes()[:1500]))
    with pytest.raises(InputError, match=r"model\.pt: not a checkpoint of tensors \(") as refused:
        load_tensors(path)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "executed").exists()


def test_a_network_gets_its_weights():
    one, other = nn.Linear(2, 3), nn.Linear(2, 3)
    load_network(one, other.state_dict(), "model.pt")
    assert torch.equal(one.weight, other.weight)
    wrapper = nn.Module()
    wrapper.module = nn.Linear(2, 3)
    load_network(wrapper, other.state_dict(), "model.pt")
    assert torch.equal(wrapper.module.weight, other.weight)


@pytest.mark.parametrize(
    ("other", "count", "example"),
    [
        (nn.Linear(5, 3), 1, "weight"),
        (nn.Linear(2, 3, bias=False), 1, "bias"),
        (nn.Bilinear(2, 2, 3), 1, "weight"),
        (nn.BatchNorm1d(3), 4, "weight"),
    ],
)
def test_another_networks_weights_are_refused(other, count, example):
    network = nn.Linear(2, 3)
    before = network.weight.clone()
    with pytest.raises(InputError, match=rf"model\.pt: holds another network \({count} of 2 .* e\.g\. {example}\)"):
        load_network(network, other.state_dict(), "model.pt")
    assert torch.equal(network.weight, before)


@pytest.mark.parametrize("content", [3, [], "x", torch.zeros(2)])
def test_what_is_no_state_dictionary_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model\.pt: not a checkpoint of tensors \(but of one \w+\)"):
        load_tensors(tmp_path / "model.pt")


@pytest.mark.parametrize("value", [3, None, torch.zeros(1, 2, dtype=torch.complex64), torch.zeros(1, 2).to_sparse()])
def test_a_state_of_other_values_is_refused(value):
    network = nn.Linear(2, 1)
    with pytest.raises(InputError, match=r"holds another network \(1 of 2 entries differ, e\.g\. weight\)"):
        load_network(network, {**network.state_dict(), "weight": value}, "model.pt")


def test_networks_of_a_finished_training(tmp_path):
    networks = {"model": torch.nn.Linear(2, 1), "adaptation": torch.nn.Linear(1, 1)}
    states = {name: {key: value + 1 for key, value in net.state_dict().items()} for name, net in networks.items()}
    save_atomically({"iteration": 3, **states}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match=r"checkpoint\.pt: is of a training that has not ended"):
        load_finished(tmp_path, **networks)
    save_atomically(states["model"], tmp_path / "models" / "model.pt")
    load_finished(tmp_path, **networks)
    for name, network in networks.items():
        assert all(torch.equal(value, states[name][key]) for key, value in network.state_dict().items())
    with pytest.raises(InputError, match="holds another network"):
        load_finished(tmp_path, other=torch.nn.Linear(2, 1))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("cannot write mode F as PNG"), "cannot write mode F as PNG"),
        (RuntimeError("[enforce fail at inline_container.cc] PytorchStreamWriter failed"), "the weights do not fit"),
    ],
)
def test_why_a_place_took_no_file(error, reason):
    with pytest.raises(InputError, match=f"^out: cannot be written .{reason}.; "):
        raise_unwritten(error, "out")
    raise_unwritten(ValueError("of another kind"), "out")
