"""The pages hold the tables that the results give, and the index names every page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from studies import table_command
from studies.page_commands import (
    GPU,
    GPU_TABLES,
    RESULTS,
    folds,
    label_free,
    replicates,
    self_training,
    statistics,
    verdicts,
    weights,
)
from studies.plan import FOLDER, load_table
from studies.table_command import write_report

ROOT = Path(__file__).parents[2]
LONG = {"table1", "unet", "variants", "normalisation"}
"""Tables whose intervals take seconds each."""


def cases():
    plans = [(load_table(path), RESULTS) for path in sorted((ROOT / FOLDER).glob("*.json"))]
    for name, preset in GPU_TABLES.items():
        plan = load_table(ROOT / FOLDER / f"{name}.json")
        plans.append((plan.with_preset(preset) if preset else plan, GPU))
    for plan, results in plans:
        marks = [pytest.mark.slow] if plan.name in LONG else []
        yield pytest.param(plan, results, id=f"{results.name}-{plan.name}", marks=marks)


@pytest.fixture(autouse=True)
def repository(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(("plan", "results"), list(cases()))
def test_a_page_is_that_of_its_results(plan, results, tmp_path, monkeypatch):
    """Without its pictures, which take longer than all the rest: tests/studies/test_figures.py is of them."""
    for name in ("write_figure", "write_cost_figure"):
        monkeypatch.setattr(table_command, name, lambda *given: None)
    names = [f"{plan.name}.md", f"{plan.name}.csv"]
    shutil.copy(results / names[0], tmp_path)
    write_report(plan, results, tmp_path)
    for name in names:
        assert (tmp_path / name).read_text() == (results / name).read_text(), "write it anew: make pages"


@pytest.mark.parametrize("write", [folds, label_free, replicates, self_training, weights, statistics, verdicts])
def test_a_comparison_is_that_of_the_results(write, tmp_path):
    page = RESULTS / f"{write.__name__}.md"
    shutil.copy(page, tmp_path)
    write(out=str(tmp_path / page.name))
    assert (tmp_path / page.name).read_text() == page.read_text(), "write it anew: make pages"


def test_the_index_names_every_page():
    index = (ROOT / "studies" / "README.md").read_text()
    linked = {link for link in re.findall(r"\]\((results/\S+\.md)\)", index)}
    assert linked == {str(path.relative_to(ROOT / "studies")) for path in (ROOT / RESULTS).rglob("*.md")}


@pytest.mark.parametrize("path", sorted((ROOT / RESULTS).rglob("*.md")), ids=lambda path: path.stem)
def test_a_page_begins_with_what_it_answers(path):
    """A title, then one statement in bold, or a plan's own first line."""
    title, empty, first = path.read_text().splitlines()[:3]
    assert title.startswith("# ")
    assert empty == ""
    assert first.startswith("**") or path.stem.endswith("_plan")
