"""Gain and cost of the rows of a table."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from studies.figures import bargains
from studies.rows import collect_rows


def by_title(rows):
    return {bargain.title: bargain for bargain in bargains(rows)}


def test_gain_and_cost_are_source_onlys_and_mean_over_shifts(rows):
    found = by_title(rows)
    assert list(found) == ["source-only + AdaBN", "control", "MaNi", "MaNi + AdaBN"]
    assert found["MaNi"].gain == pytest.approx(0.2)
    assert found["MaNi"].cost == pytest.approx(300 / 120)
    assert found["source-only + AdaBN"].cost == 1

    lower = {"last": {0: {"x": 0.5, "y": 0.7}, 1: {"z": 0.6}}}  # gains .1 on a further shift, at 240 / 240
    other = [
        replace(row, scores=lower, cpu_seconds={"not recorded": 240}) if row.title == "MaNi" else row
        for row in rows["a__b"]
        if row.method.name != "target_statistics"
    ]
    found = by_title({**rows, "b__c": other})
    mani = found["MaNi"]
    assert (mani.gain, mani.low, mani.high) == tuple(pytest.approx(gain) for gain in (0.15, 0.1, 0.2))
    assert mani.cost == pytest.approx((2.5 + 1) / 2)
    assert (mani.shifts, found["control"].shifts) == (2, 1)


def test_what_is_no_bargain(rows):
    """Rows that target labels train; a domain and itself; a shift without source-only; a missing selection."""
    supervised = [
        replace(row, method=replace(row.method, supervised=row.method.name == "mani")) for row in rows["a__b"]
    ]
    assert "MaNi" not in by_title({"a__b": supervised})
    assert bargains({"a__a": rows["a__b"]}) == []
    assert bargains({"a__b": rows["a__b"][1:]}) == []
    assert bargains(rows, "average") == []


def test_the_cost_is_cpu_time_and_nothing_where_it_was_not_recorded(rows):
    waiting = [replace(row, seconds=10 * row.seconds) if row.title == "MaNi" else row for row in rows["a__b"]]
    assert by_title({"a__b": waiting})["MaNi"].cost == pytest.approx(300 / 120)
    unknown = [replace(row, cpu_seconds={}) if row.title == "MaNi" else row for row in rows["a__b"]]
    assert "MaNi" not in by_title({"a__b": unknown})
    no_baseline = [replace(row, cpu_seconds={}) if row.title == "source-only" else row for row in rows["a__b"]]
    assert bargains({"a__b": no_baseline}) == []


def test_times_of_several_devices_are_not_compared(rows):
    def made_on(**cpu_seconds):
        return [replace(row, cpu_seconds=cpu_seconds) if row.title == "MaNi" else row for row in rows["a__b"]]

    (device,) = rows["a__b"][0].cpu_seconds
    found = by_title({"a__b": made_on(GPU=300)})
    assert "MaNi" not in found
    assert "control" in found
    assert by_title({"a__b": made_on(GPU=900, **{device: 600})})["MaNi"].cost == pytest.approx(300 / 120)


def test_each_device_is_compared_with_itself(rows):
    """Source-only of a fast machine does not count where MaNi was trained on one of half the speed alone."""
    both = [replace(row, cpu_seconds={**row.cpu_seconds, "slow": 480}) for row in rows["a__b"]]
    slow = [replace(row, cpu_seconds={"slow": 1200}) if row.title == "MaNi" else row for row in both]
    found = by_title({"a__b": slow})
    assert found["MaNi"].cost == pytest.approx(1200 / 480)
    assert found["source-only + AdaBN"].cost == 1


def test_times_are_by_the_device_that_runs_recorded(finished):
    runs, folder = finished
    path = folder / f"{runs[0].name}.json"
    result = json.loads(path.read_text()) | {"device": "processor", "training_cpu_seconds": 50}
    path.write_text(json.dumps(result))
    row, *others = collect_rows(runs, folder)["a__b"]
    assert row.cpu_seconds["processor"] == 50
    assert all(set(other.cpu_seconds) == {"not recorded"} for other in others if other.method != row.method)
