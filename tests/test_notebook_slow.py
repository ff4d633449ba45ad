"""The notebook runs from its first cell to its last, in an empty folder, and is kept without outputs."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook" / "from_images_to_counts.ipynb"


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_kept_without_outputs(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code] == [[]] * len(code)


@pytest.mark.slow
def test_every_cell_runs(notebook, tmp_path, command_environment, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    program = tmp_path / "bin" / "mani"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mani_monai "$@"\n')
    program.chmod(0o755)
    for name, value in command_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "work"
    folder.mkdir()
    nbclient.NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": str(folder)}}).execute()
    said = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output
    )
    with open(folder / "counts" / "summary.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert f"{row['nuclei']} nuclei\n" in said  # of the model in Python
    assert f"{row['image']} {row['nuclei']} nuclei\n" in said  # and of the folder
    report = json.loads((folder / "adapted" / "report.json").read_text())
    assert f"{report['verdict']['line']}\n" in said
    assert len(report["images"]) == 6
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 2
