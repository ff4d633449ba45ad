"""Which configs an adaptation trains with."""

from __future__ import annotations

import pytest
from bundle_files import REPOSITORY

from mani_monai.apps.adapt.methods import (
    MEAN_TEACHER,
    METHODS,
    PRESETS,
    base_of,
    check_method,
    make_plan,
    read_configs,
)
from mani_monai.utils import InputError

BUNDLE = REPOSITORY / "bundles" / "mani_unet"


def test_every_method_and_preset_is_there():
    for preset in PRESETS:
        table = base_of(BUNDLE, preset)
        for method in METHODS:
            check_method(method, preset)
            assert int(read_configs(table, method, {}).get("crop_size")) > 0
    assert read_configs(base_of(BUNDLE, "small"), "mani", {"crop_size": "64"}).get("crop_size") == 64


def test_what_the_methods_switch_on():
    configs = {name: read_configs(base_of(BUNDLE, "small"), name, {}) for name in METHODS}
    losses = {name: list(parser.get("adaptation_losses")) for name, parser in configs.items()}
    assert {name: found for name, found in losses.items() if found} == {
        MEAN_TEACHER: ["consistency"],
        "mani": ["mutual_information"],
    }
    assert configs[MEAN_TEACHER].get("deployed") == "$@teacher.ema_model", "the teacher is what is deployed"
    assert len(configs[MEAN_TEACHER].get("transforms::colour")) == 1, "stains are augmented"


def test_a_plan_trains_the_source_model_first_then_the_method():
    table = base_of(BUNDLE, "quick")
    plan = make_plan(table, MEAN_TEACHER, ("a", "b"), {"iterations": "3"}, seed=2)
    assert [run.method.name for run in plan.runs] == ["source_only", MEAN_TEACHER]
    for run in plan.runs:
        assert dict(run.method.options) == {"split": "adapt", "iterations": "3"}
        assert (run.source, run.target, run.seed) == ("a", "b", 2)


def test_a_given_model_is_before_and_may_be_the_start():
    table = base_of(BUNDLE, "quick")
    plan = make_plan(table, "source_only", ("a", "b"), {}, given=True, start=["stain_normalisation.json", "start.json"])
    assert plan.before is None
    assert [run.method.overlays for run in plan.runs] == [
        ("source_only.json", "stain_normalisation.json", "start.json")
    ]
    assert make_plan(table, "mani", ("a", "b"), {}, given=True).after.method.overlays == ()


def test_source_only_is_trained_once():
    plan = make_plan(base_of(BUNDLE, "quick"), "source_only", ("a", "b"), {})
    assert plan.before == plan.after
    assert len(plan.runs) == 1


def test_adabn_goes_on_from_the_source_only_training():
    table = base_of(BUNDLE, "quick")
    plan = make_plan(table, "adabn", ("a", "b"), {})
    assert plan.continued == {plan.after: plan.before}
    assert plan.before.method.name == "source_only"
    assert make_plan(table, "adabn", ("a", "b"), {}, given=True).continued == {}
    assert make_plan(table, MEAN_TEACHER, ("a", "b"), {}).continued == {}


def test_unknown_names_are_refused():
    with pytest.raises(
        InputError, match=r"--method hovernet: no such method; choose from mean_teacher_stain_augmentation"
    ):
        check_method("hovernet", "small")
    with pytest.raises(
        InputError, match="--method recommended: is no method any more; the recommended recipe is stain_ad"
    ):
        check_method("recommended", "small")
    with pytest.raises(InputError, match=r"--preset huge: no such preset; choose from small, quick, paper"):
        check_method("mani", "huge")
    with pytest.raises(InputError, match="there is no option 'iteration'"):
        read_configs(base_of(BUNDLE, "small"), "mani", {"iteration": "3"})
