"""Exports a finished training as a bundle that others run without this project."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

FORMATS = ("bundle", "qupath")
FORMS = "pt,ts,onnx"


def export(
    run: str | None = None,
    out: str = "dist",
    version: str | None = None,
    changelog: str | None = None,
    weights: str = "model.pt",
    method: str | None = None,
    evaluation: str | None = None,
    selection: str | None = None,
    overwrite: bool = False,
    mpp: float | None = None,
    forms: str | Sequence[str] = FORMS,
    zoo: bool = False,
    zoo_url: str | None = None,
    format: str = "bundle",
    bundle: str | None = None,
    temperature: float | None = None,
    bias: float | None = None,
) -> None:
    """Exports a finished training as a bundle that others run without this project, or for QuPath.

    Writes <out>/<bundle>/ and <out>/<bundle>_v<version>.zip: weights in three forms, configs, docs, licences.
    With --format qupath it writes <out>/<bundle>_qupath/, a model of QuPath's InstanSeg extension.

    Args:
        run: the training's folder, which says what was trained and on what.
        out: the folder for exports.
        version: three numbers, e.g. 1.0.0; the bundle's own by default.
        changelog: what is new in it, one line.
        weights: the file in the run's models: model.pt, model_source_val.pt, model_average.pt, model_adabn.pt,
            model_average_adabn.pt; or a snapshot, such as snapshots/iteration_000500.pt.
        method: how it was adapted, in words, for the model card; the adaptation losses' names by default.
        evaluation: folder that mani evaluate wrote; evaluation in the run's folder by default.
        selection: whose scores there; by default those of the very file.
        overwrite: replace another export in <out>.
        mpp: micrometres per pixel of the images that it was trained on, e.g. 0.25 at 40x, where the data sets do not
            say it. Inference compares them with those of the images that it is given.
        forms: of the weights that the export keeps, pt and of choice ts and onnx; all three are made and compared.
        zoo: also writes <out>/zoo, the folders of a pull request to MONAI's model zoo.
        zoo_url: the folder where files above 25 MiB will lie, which the zoo does not keep.
        format: bundle, or qupath, which takes --run or --bundle, --out, --weights, --mpp and --version alone.
        bundle: an exported bundle in a run's place: it is exported anew, with today's modules.
        temperature: of the certainty of a --bundle's nuclei, as mani calibrate fits it to a run's; with --bias.
        bias: likewise.
    """
    from mani_monai.utils import InputError
    from mani_monai.utils.archive import check_outside

    if format not in FORMATS:
        raise InputError(f"--format {format}: choose from {', '.join(FORMATS)}.")
    check_outside(out, run if bundle is None else bundle)
    if format == "qupath":
        asked = {"changelog": changelog, "method": method, "evaluation": evaluation, "selection": selection}
        asked |= {"overwrite": overwrite, "forms": forms != FORMS, "zoo": zoo, "zoo_url": zoo_url}
        asked |= {"temperature": temperature is not None, "bias": bias is not None}
        surplus = [name for name, value in asked.items() if value]
        if surplus:
            raise InputError(f"--{surplus[0]}: says nothing of --format qupath; leave it out.")
        return _export_for_qupath(run, bundle, out, version, weights, mpp)
    if zoo_url is not None and not zoo:
        raise InputError(f"--zoo_url {zoo_url}: is of --zoo; write both, or leave it out.")
    if (run is None) == (bundle is None):
        raise InputError("--run: name the folder of a training, or an exported bundle with --bundle.")
    from mani_monai.apps.export.documents import terms_of_use
    from mani_monai.apps.export.export_bundle import export_bundle
    from mani_monai.apps.export.read_run import read_exported, read_run
    from mani_monai.utils.places import place_of

    if run is not None:
        _refuse("run", {"temperature": temperature, "bias": bias}, "mani calibrate fits and keeps it")
        trained = read_run(run, weights, evaluation, selection, method, mpp)
    else:
        given = {"weights": weights != "model.pt", "method": method, "evaluation": evaluation}
        _refuse("bundle", {**given, "selection": selection, "mpp": mpp}, "the bundle says it")
        trained = read_exported(str(bundle), temperature, bias)
    place = place_of("bundles") / trained.declaration.bundle
    kept = forms.split(",") if isinstance(forms, str) else tuple(map(str, forms))
    done = export_bundle(place, trained, out, version, changelog, overwrite, kept)
    state = "written" if done.written else "the same export was there already"
    print(f"bundle:  {done.folder} ({state})\narchive: {done.archive} ({done.archive.stat().st_size / 2**20:.1f} MiB)")
    for name, value in done.difference.items():
        print(f"{name} differs from PyTorch by {value:.1e} at most")
    if trained.scores is None:
        print("no scores: this file was not evaluated, so the model card says so")
    else:
        print(f"scores: {json.dumps({k: v for k, v in trained.scores['figures'].items() if k.endswith('_mean')})}")
    if zoo:
        from mani_monai.apps.export.zoo_request import zoo_request

        print(f"zoo:     {zoo_request(done.folder, Path(out) / 'zoo', zoo_url)}")
    print(terms_of_use(trained.domains))


def _refuse(what: str, options: Mapping[str, object], why: str) -> None:
    """Refuses options that say nothing of a run, or of a bundle."""
    from mani_monai.utils import InputError

    surplus = [name for name, value in options.items() if value is not None and value is not False]
    if surplus:
        raise InputError(f"--{surplus[0]}: says nothing of a --{what}; leave it out, {why}.")


def _export_for_qupath(
    run: str | None, bundle: str | None, out: str, version: str | None, weights: str, mpp: float | None
) -> None:
    from dataclasses import replace

    from mani_monai.apps.export.export_bundle import check_version
    from mani_monai.apps.export.qupath_folder import write_qupath_folder
    from mani_monai.model import Model
    from mani_monai.utils import InputError

    if (run is None) == (bundle is None):
        raise InputError("--bundle: name one bundle, or a training with --run.")
    model = Model.open(str(run or bundle), device="cpu", precision="float32", weights=weights)
    if version is not None:
        model = replace(model, version=check_version(version))
    folder = write_qupath_folder(model, out, mpp)
    print(f"folder: {folder}")
    print("Put it into the folder that QuPath's InstanSeg extension reads models from: docs/qupath.md.")
