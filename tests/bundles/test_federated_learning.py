"""Rounds of federated learning by MONAI's own client, from the bundles' train.json."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from bundle_files import REPOSITORY
from ignite.engine import Events
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ExtraItems, WeightType
from monai.fl.utils.exchange_object import ExchangeObject
from trainings import equal

from mani_monai.run.trained_domains import domains_of
from mani_monai.utils.files import load_tensors


@pytest.fixture
def make_client(tiny, tiny_hovernet, tmp_path):
    """``make_client(bundle)``: an initialised client, and the folder that its training writes to."""

    def make(bundle, **options):
        settings = {"mani_unet": tiny, "mani_hovernet": tiny_hovernet}[bundle]
        client = MonaiAlgo(
            bundle_root=str(REPOSITORY / "bundles" / bundle),
            train_kwargs={**settings, "output_dir": str(tmp_path / bundle)},
            config_evaluate_filename=None,
            **options,
        )
        client.initialize({ExtraItems.CLIENT_NAME: "hospital"})
        return client, tmp_path / bundle

    return make


def weights_of(client):
    return {name: torch.as_tensor(value).clone() for name, value in client.trainer.network.state_dict().items()}


@pytest.mark.parametrize("bundle", ["mani_unet", "mani_hovernet"])
def test_a_round_starts_from_the_servers_weights_and_adapts(make_client, bundle):
    client, folder = make_client(bundle, send_weight_diff=False)
    server = {name: torch.full_like(value, 0.01) for name, value in weights_of(client).items()}
    seen = []
    client.trainer.add_event_handler(Events.ITERATION_STARTED(once=1), lambda: seen.append(weights_of(client)))
    client.train(ExchangeObject(weights=server))
    assert equal(seen[0], server)
    assert client.trainer.state.iteration == 4
    assert "mutual_information" in client.trainer.state.output
    sent = client.get_weights()
    assert sent.weight_type == WeightType.WEIGHTS
    assert equal({name: torch.as_tensor(value) for name, value in sent.weights.items()}, weights_of(client))
    assert equal(dict(load_tensors(folder / "models/model.pt")), weights_of(client))
    assert domains_of(folder)[0]["name"] == "toy_source"
    assert not equal(weights_of(client), server)


def test_the_pages_lines_run(tiny, tmp_path, monkeypatch):
    """From any folder: with settings of a tiny training in the place of the page's."""
    page = (REPOSITORY / "docs" / "sharing.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(from copy.*?)```", page, re.DOTALL)

    class Tiny(MonaiAlgo):
        def __init__(self, train_kwargs, **others):
            settings = {**train_kwargs, **tiny, "source": "toy_source", "target": "toy_target"}
            super().__init__(train_kwargs=settings, **others)

    monkeypatch.setattr("monai.fl.client.MonaiAlgo", Tiny)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(lines, names)
    assert names["update"].weight_type == WeightType.WEIGHT_DIFF
    assert any(np.asarray(difference).any() for difference in names["update"].weights.values())


def test_rounds_follow_each_other(make_client):
    """The second goes on from what the server made of the first, in the same training: no second warm-up."""
    client, _ = make_client("mani_unet")
    server = weights_of(client)
    client.train(ExchangeObject(weights=server))
    difference = client.get_weights()
    assert difference.weight_type == WeightType.WEIGHT_DIFF
    after = weights_of(client)
    server = {name: server[name] + torch.as_tensor(difference.weights[name]).to(server[name]) for name in server}
    torch.testing.assert_close(server, after)
    adapted, numbers = [], client.trainer.data_loader.batch_sampler
    client.trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: adapted.append("mutual_information" in engine.state.output)
    )
    seen = list(numbers)
    client.train(ExchangeObject(weights=server))
    assert adapted == [True] * 4
    assert client.trainer.state.iteration == 8
    assert not equal(weights_of(client), after)
    assert next(iter(numbers))[0] == seen[-1][-1] + 1, "a round has crops of its own"
