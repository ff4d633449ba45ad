"""Two trainings of one seed, paired by name."""

from __future__ import annotations

import json
import shutil

import pytest

from mani_monai.utils import InputError
from studies.replicates import read_replicates, replicates_table


def write(folder, method, last, average=None, device=None, **further):
    """One run's JSON, with scores of the last iterate, AdaBN's and, where given, of the average."""
    plain = {"last": {"dice_mean": last}} | ({} if average is None else {"average": {"dice_mean": average}})
    result = {"source": "a", "target": "b", "method": method, "seed": 1, "configs": ["train.json"], **further}
    result["scores"] = {"plain": plain, "adabn": {"last": {"dice_mean": last / 2}}}
    if device:
        result |= {"device": device, "versions": {"torch": "2.0"}}
    folder.mkdir(exist_ok=True)
    (folder / f"a__b__{method}__seed1.json").write_text(json.dumps(result))


@pytest.fixture
def folders(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    write(one, "mani", 0.5, 0.6, "CPU")
    write(one, "source_only", 0.4)
    write(other, "mani", 0.7, device="GPU")
    write(other, "source_only", 0.3, 0.9, device="GPU", options={})
    write(other, "grl", 0.2)
    return one, other


def test_pairs_are_runs_of_one_name_and_selections_that_both_have(folders):
    found = {(r.method, r.evaluation): r for r in read_replicates(*folders)}
    assert set(found) == {(method, name) for method in ("mani", "source_only") for name in ("plain", "adabn")}
    assert found["mani", "plain"].means == {"last": (0.5, 0.7)}
    assert found["source_only", "adabn"].means == {"last": (0.2, 0.15)}
    assert found["mani", "plain"].machines == ("CPU with torch 2.0", "GPU with torch 2.0")
    assert (found["mani", "plain"].shift, found["mani", "plain"].seed) == ("a__b", 1)


def test_the_table_gives_mean_and_largest_size_of_the_differences(folders):
    table = replicates_table(read_replicates(*folders)).splitlines()
    assert "| mani | 0.200 (0.200; 1) |" in table
    assert "| all | 0.112 (0.200; 4) |" in table  # of .2, .1 and, with AdaBN, .1 and .05
    assert "| a → b | mani + AdaBN | 1 | 0.250 / 0.350 |" in table
    assert "**every pair** (first: CPU with torch 2.0, or not recorded; second: GPU with torch 2.0)" in table


def test_what_one_of_them_could_not_score_is_no_pair(folders):
    write(folders[0], "mani", 0.5, None, "CPU")
    path = folders[0] / "a__b__mani__seed1.json"
    result = json.loads(path.read_text())
    result["scores"] = {"plain": {"last": {"dice_mean": None}, "average": {"dice_mean": 0.5}}}
    path.write_text(json.dumps(result))
    write(folders[1], "mani", 0.7, 0.6, "GPU")
    (found,) = [replicate for replicate in read_replicates(*folders) if replicate.method == "mani"]
    assert found.means == {"average": (0.5, 0.6)}


def test_every_evaluation_is_named(folders):
    for folder in folders:
        path = folder / "a__b__mani__seed1.json"
        path.write_text(path.read_text().replace('"adabn"', '"dense_crf_at_end"'))
    assert "| a → b | mani + dense crf at end | 1 | 0.250 / 0.350 |" in replicates_table(read_replicates(*folders))


@pytest.mark.parametrize(("key", "value"), [("configs", ["other.json"]), ("options", {"warmup": "0"})])
def test_runs_of_other_configs_or_options_are_no_replicates(folders, key, value):
    write(folders[0], "source_only", 0.4, options={})
    write(folders[1], "source_only", 0.4, **({"options": {}} | {key: value}))
    with pytest.raises(InputError, match=rf"a__b__source_only__seed1: has other {key} than"):
        read_replicates(*folders)


def test_folders_without_a_common_run_are_refused(folders):
    shutil.rmtree(folders[1])
    with pytest.raises(InputError, match="have no run in common"):
        read_replicates(*folders)
