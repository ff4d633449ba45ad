"""The description of shifts: images, batch statistics, features, and what the tables make of them; values by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.networks.nets import BasicUNet
from PIL import Image
from torch import nn

from mani_monai.data.alignment import haematoxylin
from mani_monai.experiments import Method, Table, shifts
from mani_monai.experiments.rows import Row
from mani_monai.experiments.shift_features import (
    PooledFeatures,
    domain_accuracy,
    head_features,
    linear_discriminant,
    pool_features,
    separation,
)
from mani_monai.experiments.shift_images import (
    MEASURES,
    colour_distance,
    colour_distances,
    describe_data_set,
    describe_image,
    fine_detail,
    stain_densities,
    standardised_distance,
)
from mani_monai.experiments.shift_report import draw_shifts, write_shifts
from mani_monai.experiments.shift_statistics import (
    BASIC_UNET_DEPTHS,
    ChannelStatistics,
    distances_by_depth,
    reestimated_statistics,
    running_statistics,
    statistics_distance,
)

RNG = np.random.default_rng(0)
METHODS = {name: Method(name, name) for name in ("source_only", "target_statistics", "mani")}


# images


def test_stains_are_those_of_the_alignment_check():
    image = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_allclose(stain_densities(image)[..., 0], haematoxylin(image), rtol=1e-5, atol=1e-6)
    assert not stain_densities(np.full((2, 2, 3), 255, np.uint8)).any()


def test_an_image_is_measured_as_by_hand():
    image = np.full((20, 50, 3), 255, np.uint8)
    nuclei = np.zeros((20, 50), bool)
    nuclei[2:6, 2:6] = True  # 16 px
    nuclei[10:12, 10:15] = True  # 10 px
    nuclei[16:18, 40:46] = True  # 12 px
    image[nuclei] = (100, 50, 200)
    found = describe_image(image, nuclei)
    density = haematoxylin(image[nuclei][None])[0, 0]
    assert found.keys() == MEASURES.keys()
    assert found["red"] == pytest.approx(255 - 155 * 38 / 1000)
    assert found["haematoxylin"] == pytest.approx(density * 38 / 1000, rel=1e-5)
    assert found["contrast"] == pytest.approx(density, rel=1e-5)
    assert found["nuclei_per_megapixel"] == 3000
    assert found["nuclear_area"] == 12
    assert found["nuclei_share"] == pytest.approx(0.038)


def test_the_gradient_of_a_ramp_is_its_slope():
    image = np.repeat(np.repeat(np.arange(100, 140, dtype=np.uint8)[None, :, None], 30, axis=0), 3, axis=2)
    found = describe_image(image, np.eye(30, 40, dtype=bool))
    density = haematoxylin(image)[0]
    assert found["gradient"] == pytest.approx(np.abs(np.gradient(density)).mean(), rel=1e-4)


def test_nothing_to_measure_is_nan():
    found = describe_image(np.full((8, 8, 3), 200, np.uint8), np.zeros((8, 8), bool))
    assert [name for name, value in found.items() if np.isnan(value)] == ["contrast", "nuclear_area", "fine_detail"]


@pytest.mark.parametrize(("period", "share"), [(4, 1), (6, 1), (16, 0), (32, 0)])
def test_fine_detail_is_what_is_smaller_than_eight_pixels(period, share):
    wave = np.sin(2 * np.pi * np.arange(128) / period).astype(np.float32)
    assert fine_detail(np.tile(wave, (96, 1))) == pytest.approx(share, abs=0.01)


def greys(*values: float) -> dict[str, dict[str, float]]:
    return {str(n): dict.fromkeys(MEASURES, float(value)) for n, value in enumerate(values)}


def test_standardised_distance_by_hand():
    source, target = greys(1, 3), greys(4, 8)  # means 2 and 6, variances 2 and 8
    assert standardised_distance(source, target, "red") == pytest.approx(4 / 5**0.5)
    assert standardised_distance(target, source, "red") == pytest.approx(-4 / 5**0.5)
    assert np.isnan(standardised_distance(source, greys(4), "red"))


def test_colour_distance_of_black_and_white_is_100():
    assert colour_distance(greys(0, 0), greys(255, 255, 255)) == pytest.approx(100, abs=0.01)
    found = colour_distances(greys(0, 255), greys(0, 255))  # the source's mean colour is L = 50
    assert list(found.values()) == pytest.approx([50, 50], abs=0.01)


def test_a_data_set_is_described_whole(toy_dir):
    images = describe_data_set(toy_dir, "toy_source")
    assert sorted(images) == sorted(path.stem for path in (toy_dir / "toy_source" / "images").iterdir())
    name = min(images)
    label = np.asarray(Image.open(next((toy_dir / "toy_source" / "labels").glob(f"{name}.*")))) > 0
    assert images[name]["nuclei_share"] == pytest.approx(label.mean())


# batch statistics


def test_distance_of_statistics_by_hand():
    found = ChannelStatistics(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
    reference = ChannelStatistics(torch.tensor([0.0, 6.0]), torch.tensor([4.0, 3.0]))
    distance = statistics_distance(found, reference)
    assert distance == {"mean": pytest.approx((1 / 4 + 1 / 3) / 2), "log_std": pytest.approx(np.log(2) / 2)}


def test_reestimated_statistics_are_the_images_and_leave_the_network_alone():
    network = nn.Sequential(nn.BatchNorm2d(2)).eval()
    images = torch.randn(3, 4, 2, 8, 8) * 3 + 2
    found = reestimated_statistics(network, images, torch.device("cpu"))["0"]
    torch.testing.assert_close(found.mean, images.mean(dim=(0, 1, 3, 4)))
    torch.testing.assert_close(found.std, images.transpose(1, 2).flatten(2).var(dim=2).mean(dim=0).add(1e-5).sqrt())
    assert not network.training
    assert running_statistics(network)["0"].mean.tolist() == [0, 0]


def test_layers_are_averaged_by_depth():
    at = {name: ChannelStatistics(torch.zeros(2), torch.ones(2)) for name in ("down.a", "down.b", "up.a")}
    found = {
        name: ChannelStatistics(torch.full((2,), shift), torch.ones(2))
        for name, shift in zip(at, (1.0, 3.0, 5.0), strict=True)
    }
    distances = distances_by_depth(found, at, {"encoder": ["down"], "decoder": ["up"]})
    assert {depth: distance["mean"] for depth, distance in distances.items()} == {"encoder": 2, "decoder": 5}
    with pytest.raises(ValueError, match="no BatchNorm in bottleneck"):
        distances_by_depth(found, at, {"bottleneck": ["middle"]})


def test_depths_cover_every_layer_of_the_network():
    network = BasicUNet(2, 3, 2, (4,) * 6, norm="BATCH", act="RELU")
    modules = [module for names in BASIC_UNET_DEPTHS.values() for module in names]
    assert {name.split(".")[0] for name in running_statistics(network)} == set(modules)


# features


def test_features_are_averaged_over_nuclei_background_and_each_nucleus():
    mask = np.zeros((4, 6), bool)
    mask[0, :2] = mask[3, 3:6] = True
    features = RNG.normal(size=(3, 4, 6))
    pooled = pool_features(features, mask)
    np.testing.assert_allclose(pooled.nuclei, features[:, mask].mean(axis=1))
    np.testing.assert_allclose(pooled.background, features[:, ~mask].mean(axis=1))
    np.testing.assert_allclose(
        pooled.each, [features[:, 0, :2].mean(axis=1), features[:, 3, 3:6].mean(axis=1)], rtol=1e-12
    )


def test_head_features_are_what_enters_the_head():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1))
    image = torch.randn(3, 5, 5)
    features = head_features(network, "1", lambda images, run: run(images), image)
    torch.testing.assert_close(features, network[0](image[None])[0])
    assert not network[1]._forward_pre_hooks


def test_separation_by_hand():
    def image(nuclei, background):
        each = np.array(nuclei) + RNG.normal(scale=0.1, size=(20, 2))
        return PooledFeatures(np.array(nuclei, float), np.array(background, float), each)

    source = [image((3, 0), (0, 0)), image((5, 0), (0, 0))]  # nuclei (4, 0), background (0, 0): 4 apart
    target = [image((4, 3), (0, 1)), image((4, 3), (0, 1))]  # nuclei (4, 3), background (0, 1): 20 ** 0.5 apart
    within = (4 + 20**0.5) / 2
    found = separation(source, target)
    assert found == {
        "nuclei": pytest.approx(3 / within),
        "background": pytest.approx(1 / within),
        "domain_accuracy": 1,
    }


def test_domain_accuracy_is_chance_where_domains_are_alike():
    source, target = ([RNG.normal(size=(n, 4)) for _ in range(6)] for n in (300, 20))
    assert domain_accuracy(source, target) == pytest.approx(0.5, abs=0.1)


def test_domain_accuracy_holds_images_out():
    """Every image has a look of its own and the domains have none: nuclei can be told by known images alone."""
    rng = np.random.default_rng(1)
    source, target = (
        [rng.normal(size=12) + rng.normal(scale=0.01, size=(30, 12)) for _ in range(6)] for _ in ("source", "target")
    )
    direction, threshold = linear_discriminant(np.concatenate(source), np.concatenate(target))
    assert (np.concatenate(source) @ direction < threshold).mean() > 0.95
    assert domain_accuracy(source, target) < 0.75
    assert domain_accuracy(source, [image + 100 for image in target]) == 1
    assert np.isnan(domain_accuracy(source, target[:1]))


def test_linear_discriminant_is_fishers():
    first, second = RNG.normal(size=(400, 2)) * (1, 5), RNG.normal(size=(300, 2)) * (1, 5) + (2, 2)
    direction, threshold = linear_discriminant(first, second)
    within = (np.cov(first.T, bias=True) + np.cov(second.T, bias=True)) / 2
    expected = np.linalg.inv(within) @ (second.mean(axis=0) - first.mean(axis=0))
    np.testing.assert_allclose(direction, expected, rtol=0.05)
    assert threshold == pytest.approx(direction @ (first.mean(axis=0) + second.mean(axis=0)) / 2)
    assert linear_discriminant(first[:, :1], second[:, :1])[0].shape == (1,)


# a shift and its runs


def row(name, dice, evaluation="plain"):
    return Row(METHODS[name], evaluation, {"last": dice}, 1.0)


def test_a_shift_is_described_by_hand():
    target = greys(10, 20, 30, 40, 50)
    dice = {0: {"0": 0.9, "1": 0.8, "2": 0.7}, 1: {"3": 0.6, "4": 0.5}}
    better = {0: {"0": 0.9, "1": 0.9, "2": 0.9}, 1: {"3": 0.9, "4": 0.9}}
    found = shifts.describe_shift(greys(0, 0), target, [row("source_only", dice), row("mani", better)])
    assert found["correlations"]["dice"]["colour_distance"]["rho"] == pytest.approx(-1)
    assert found["correlations"]["gain"]["colour_distance"]["rho"] == pytest.approx(1)
    assert found["images"]["4"]["gain"] == pytest.approx(0.4)
    assert list(found["gains"]) == ["MaNi - source-only"]
    assert found["gains"]["MaNi - source-only"]["mean"] == pytest.approx(0.2)
    few = shifts.describe_shift(greys(0, 0), target, [row("source_only", {0: dice[0]})])
    assert few["correlations"] == {"dice": {}, "gain": {}}


@pytest.fixture
def table(toy_dir):
    tiny = {"features": "[4,4,4,4,4,4]", "batch_size": "2", "crop_size": "32", "window": "-1", "precision": "float32"}
    methods = {
        "source_only": Method("source_only", "source-only", ("source_only.json",), tuple(tiny.items())),
        "mani": Method("mani", "MaNi", (), tuple(tiny.items())),
        "supervised": Method("supervised", "supervised", supervised=True),
    }
    bundle = Path(__file__).parents[2] / "bundles" / "mani_unet"
    return Table("plan", bundle, ("train.json",), (("toy_source", "toy_target"),), methods)


@pytest.fixture
def work_dir(tmp_path):
    """Weights of the first seed of source-only, whose batch statistics nobody has estimated yet."""
    torch.manual_seed(0)
    network = BasicUNet(2, 3, 2, (4,) * 6, norm="BATCH", act="RELU")
    folder = tmp_path / "runs" / "toy_source__toy_target__source_only__seed0"
    folder.mkdir(parents=True)
    torch.save(network.state_dict(), folder / "model.pt")
    return folder.parent


def test_statistics_are_those_that_the_bundle_would_reestimate(table, work_dir, toy_dir, make_workflow, tmp_path):
    run = table.runs(1)[0]
    folder = work_dir / run.name
    workflow = make_workflow(folder, "reestimate", split="fold_0")
    workflow.parser["adabn_loader"]["batch_sampler"]["iterations"] = 3
    workflow.parser.ref_resolver.reset()
    workflow.run()
    (folder / "model_adabn.pt").replace(folder / "model.pt")
    statistics = shifts.describe_run(table, run, str(toy_dir), folder, 3)["statistics"]
    for depth in BASIC_UNET_DEPTHS:
        assert statistics["target from network"][depth] == {"mean": 0, "log_std": 0}
        assert statistics["source from network"][depth]["mean"] > 0.01
        assert statistics["target from source"][depth]["log_std"] > 0.001


def test_what_is_there_is_described_and_what_is_missing_named(table, work_dir, toy_dir, tmp_path, monkeypatch):
    def describe():
        return shifts.describe_shifts(table, str(toy_dir), str(work_dir), str(tmp_path / "results"), 1, 2)

    found = describe()
    assert list(found["runs"]) == ["toy_source__toy_target__source_only__seed0"]
    assert found["missing"] == ["toy_source__toy_target__mani__seed0"]
    separation = found["runs"]["toy_source__toy_target__source_only__seed0"]["separation"]
    assert separation["nuclei"] > 0
    assert 0 <= separation["domain_accuracy"] <= 1

    page = tmp_path / "shifts.md"
    page.write_text("prose\n<!-- tables -->\nold\n<!-- /tables -->\nafter\n")
    text = write_shifts(found, table, 1, page)
    assert page.read_text() == f"prose\n<!-- tables -->\n{text}\n<!-- /tables -->\nafter\n"
    assert "| toy_source → toy_target: source_only | 1 |" in text
    assert "not in the tables: toy_source → toy_target: mani, seeds 0." in text
    draw_shifts(found, table, 1, tmp_path / "shifts.png")
    assert Image.open(tmp_path / "shifts.png").size[0] > 1000

    monkeypatch.setattr(shifts, "describe_run", lambda *_: "computed")
    assert describe()["runs"] == found["runs"]  # kept
    weights = work_dir / "toy_source__toy_target__source_only__seed0" / "model.pt"
    torch.save({**torch.load(weights), "final_conv.bias": torch.ones(2)}, weights)
    assert list(describe()["runs"].values()) == ["computed"]


def test_no_run_yet(table, toy_dir, tmp_path):
    found = shifts.describe_shifts(table, str(toy_dir), str(tmp_path), str(tmp_path), 1, 2)
    assert len(found["missing"]) == 2
    assert "source_only, seeds 0;" in write_shifts(found, table, 1, tmp_path / "shifts.md")
    draw_shifts(found, table, 1, tmp_path / "shifts.png")


def test_numbers_of_a_file_are_short_and_valid_json():
    assert shifts.rounded({"a": [1.234567, float("nan")], "b": {"c": 3}}) == {"a": [1.23457, None], "b": {"c": 3}}
    assert json.dumps(shifts.rounded({"a": float("inf")}), allow_nan=False) == '{"a": null}'
