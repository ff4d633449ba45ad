"""An exported bundle as the folders of a pull request to MONAI's model zoo: ``models/<name>/`` and its unit test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai.utils.module import version_leq

from mani_monai.apps.export.documents import performance, section, sections, terms_of_use
from mani_monai.apps.export.trained_run import Domain
from mani_monai.declaration import KEY
from mani_monai.provenance import TRAINING
from mani_monai.transforms.save_nuclei import ENDINGS
from mani_monai.utils import InputError
from mani_monai.utils.archive import HASHES, files_of, write_hashes
from mani_monai.utils.built_folder import building, move_to
from mani_monai.utils.files import raise_unwritten
from mani_monai.utils.folders import file_hash
from mani_monai.utils.templates import render_template

LARGEST = 25 * 2**20
"""Bytes of the largest file that the zoo keeps itself."""
LARGE_FILES = "large_files.yml"
VERSIONS = {
    "numpy": "2.2.6",
    "scipy": "1.15.3",
    "scikit-image": "0.25.2",
    "pillow": "12.3.0",
    "tifffile": "2025.5.10",
}
"""The last versions for Python 3.10, which the zoo runs, of packages whose later ones left it."""


def zoo_request(exported: str | Path, out: str | Path, url: str | None = None) -> Path:
    """Writes ``<out>/models/<name>/`` and ``<out>/ci/unit_tests/test_<name>.py``.

    Files above 25 MiB are left out; ``large_files.yml`` says where they are, with their SHA-256.

    Args:
        exported: a bundle's folder that :func:`mani_monai.apps.export.export_bundle.export_bundle` wrote.
        out: receives both; what an earlier call wrote there is replaced.
        url: of the folder where the large files will lie.

    Returns:
        ``<out>/models/<name>``.

    Raises:
        InputError: when a file is large and there is no ``url``, or ``out`` cannot be written.
    """
    exported, out = Path(exported), Path(out)
    large = {name: path for name, path in files_of(exported).items() if path.stat().st_size > LARGEST}
    if large and not url:
        size = next(iter(large.values())).stat().st_size / 2**20
        raise InputError(
            f"{next(iter(large))}: has {size:.0f} MiB and the zoo keeps 25; name where it will lie with --zoo_url."
        )
    folder = out / "models" / exported.name
    test = out / "ci" / "unit_tests" / f"test_{exported.name}.py"
    try:
        with building(folder) as new:
            shutil.copytree(exported, new)
            metadata = _with_versions(new / "configs" / "metadata.json")
            card = (exported / "docs" / "README.md").read_text(encoding="utf-8")
            (new / "docs" / "README.md").write_text(zoo_card(card, metadata, _scores(exported)), encoding="utf-8")
            (new / HASHES).unlink()
            write_hashes(new)  # of the large files, too, which the zoo fetches into their places
            if large:
                (new / LARGE_FILES).write_text(_large_files(large, str(url)), encoding="utf-8")
                for name in large:
                    (new / name).unlink()
            move_to(folder, new)
        test.parent.mkdir(parents=True, exist_ok=True)
        test.write_text(_unit_test(exported), encoding="utf-8")
    except Exception as error:
        raise_unwritten(error, out)
        raise
    return folder


def zoo_card(card: str, metadata: Mapping[str, Any], scores: Mapping[str, Any] | None) -> str:
    """``docs/README.md`` by the zoo's template.

    Args:
        card: the export's own, whose sections on input, output, limits and references are taken.
        metadata: the export's.
        scores: what ``metrics.json`` holds; None where nothing was scored.
    """
    domains = [Domain(**domain) for domain in metadata[TRAINING]["domains"]]
    return render_template(
        Path(__file__).with_name("zoo_card.md.jinja"),
        metadata=metadata,
        domains=list({(domain.name, domain.role, domain.licence): domain for domain in domains}.values()),
        terms=terms_of_use(domains),
        steps=[str(step["_target_"]).rpartition(".")[2] for step in metadata[KEY]["preprocessing"]],
        performance=performance(scores),
        formats=sections(card, "### Input", "### Output").replace("### ", "#### "),
        limits=section(card, "## Intended use and limits").partition("\n")[2].strip(),
        references=section(card, "# References").partition("\n")[2].strip(),
    )


def lowered(package: str, version: str) -> str:
    """A package's version, or the last one for the zoo's Python where that is lower."""
    last = VERSIONS.get(package, version)
    return last if version_leq(last, version) else version


def _with_versions(path: Path) -> dict[str, Any]:
    """Names versions that exist for the zoo's Python in a metadata file, and gives what it holds then.

    A version is only lowered: an earlier one, which the export was made with, stays.
    """
    metadata = json.loads(path.read_text(encoding="utf-8"))
    metadata["numpy_version"] = lowered("numpy", metadata["numpy_version"])
    packages = metadata["required_packages_version"]
    metadata["required_packages_version"] = {name: lowered(name, packages[name]) for name in packages}
    path.write_text(json.dumps(metadata, indent=4, allow_nan=False) + "\n", encoding="utf-8")
    return metadata


def _scores(exported: Path) -> dict[str, Any] | None:
    path = exported / "metrics.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _large_files(large: Mapping[str, Path], url: str) -> str:
    lines = ["large_files:"]
    for name, path in large.items():
        lines += [f'  - path: "{name}"', f'    url: "{url.rstrip("/")}/{Path(name).name}"']
        lines += [f'    hash_val: "{file_hash(path)}"', '    hash_type: "sha256"']
    return "\n".join(lines) + "\n"


def _unit_test(exported: Path) -> str:
    config = json.loads((exported / "configs" / "inference.json").read_text(encoding="utf-8"))
    title = "".join(word.capitalize() for word in exported.name.split("_"))
    template = Path(__file__).with_name("zoo_unit_test.py.jinja")
    return render_template(template, name=exported.name, title=title, ending=ENDINGS[config["outputs"][0]])
