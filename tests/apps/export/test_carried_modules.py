"""The modules that an export carries: the few that its configs need, importable by their own names."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from exports import REPOSITORY
from monai.utils import ImageMetaKey
from zoo import importable

from mani_monai.apps.export.carried_modules import carry_modules, names_in, renamed
from mani_monai.apps.inspect.inspected_files import code_findings
from mani_monai.config_index import find_config
from mani_monai.transforms import HoVerNetInstancesd


def test_names_in_a_config():
    text = (
        '["$from mani_monai.utils.files import load_network", {"_target_": "mani_monai.transforms.HoVerNetInstancesd"}]'
    )
    assert names_in(text) == {"mani_monai.utils.files.load_network", "mani_monai.transforms.HoVerNetInstancesd"}
    assert names_in('{"_target_": "Compose", "a": "monai.utils"}') == set()


def test_renaming_leaves_other_words_alone():
    assert renamed("from mani_monai.utils import a  # mani_monai is not mani_monaix.b") == (
        "from scripts.utils import a  # mani_monai is not mani_monaix.b"
    )


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("mani_monai.utils.InputError", ["utils.errors"]),
        ("mani_monai.utils.files.load_network", ["utils.errors", "utils.files", "utils.folders"]),
        ("mani_monai.networks.nets.ConcatHoVerNet", ["networks.nets.concat_hovernet"]),
        (
            "mani_monai.transforms.HoVerNetInstancesd",
            [
                f"transforms.{name}"
                for name in (
                    *("holes", "hover_borders", "hover_instances", "hover_postprocessing"),
                    *("nuclei_shapes", "nuclei_table", "nucleus", "polygons"),
                )
            ],
        ),
        (
            "mani_monai.transforms.PartNucleid",
            [
                *(f"transforms.{name}" for name in ("capped_distance", "holes", "nuclei_shapes", "nuclei_table")),
                *(f"transforms.{name}" for name in ("nucleus", "part_nuclei", "part_nucleid")),
                "utils.errors",
            ],
        ),
    ],
)
def test_what_is_carried_is_what_is_imported(name, modules, tmp_path):
    assert carry_modules([name], tmp_path) == [f"mani_monai.{module}" for module in modules]
    files = {path.relative_to(tmp_path / "scripts") for path in tmp_path.rglob("*.py")}
    packages = {path.parent / "__init__.py" for path in files} | {path.parent.parent / "__init__.py" for path in files}
    assert {p.with_suffix("").as_posix().replace("/", ".") for p in files - packages} == set(modules)
    assert all("mani_monai." not in path.read_text() for path in tmp_path.rglob("*.py"))


def test_a_package_is_carried_whole(tmp_path):
    carried = carry_modules(["mani_monai.transforms.save_nuclei.SaveNucleid"], tmp_path)
    assert {"mani_monai.data.writers.geojson", "mani_monai.utils.folders"} <= set(carried)


@pytest.mark.parametrize("bundle", ["mani_unet", "mani_hovernet"])
def test_an_inspection_passes_what_an_export_carries(bundle, tmp_path):
    """Else this project's own infer.py and label server would refuse its exports."""
    text = find_config(REPOSITORY / "bundles" / bundle, "inference").read_text()
    assert carry_modules({*names_in(text), "mani_monai.transforms.NormaliseStainsd"}, tmp_path)
    findings = [finding for path in tmp_path.rglob("*.py") for finding in code_findings(path.name, path)]
    assert [finding for finding in findings if finding.dangerous] == []


def test_an_inspection_passes_what_parts_nuclei(tmp_path):
    carry_modules(["mani_monai.transforms.PartNucleid"], tmp_path)
    findings = [finding for path in tmp_path.rglob("*.py") for finding in code_findings(path.name, path)]
    assert [finding for finding in findings if finding.dangerous] == []


def test_nothing_is_written_where_nothing_is_named(tmp_path):
    assert carry_modules([], tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mani_monai.transforms.Nothing", "mani_monai.nothing.at.All", "monai.transforms.A"])
def test_names_of_others_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match="must be of mani_monai"):
        carry_modules([name], tmp_path)


def test_the_carried_modules_work_by_themselves(tmp_path):
    names = ["mani_monai.transforms.HoVerNetInstancesd", "mani_monai.transforms.save_nuclei.SaveNucleid"]
    carry_modules(names, tmp_path)
    output = np.random.default_rng(0).normal(size=(4, 30, 40)).astype(np.float32)
    with importable(tmp_path):
        transforms = importlib.import_module("scripts.transforms")
        save = importlib.import_module("scripts.transforms.save_nuclei")
        assert save.__file__.startswith(str(tmp_path))
        data = transforms.HoVerNetInstancesd()({"pred": output})
        image = save.torch.rand(3, 30, 40)
        image.meta = {ImageMetaKey.FILENAME_OR_OBJ: "a.png"}
        save.SaveNucleid("instances", tmp_path / "out")({**data, "image": image})
    np.testing.assert_array_equal(data["instances"], HoVerNetInstancesd()({"pred": output})["instances"])
    assert len(list((tmp_path / "out").iterdir())) == 5
