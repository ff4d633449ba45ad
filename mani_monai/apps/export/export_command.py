"""Exports a finished training as a bundle that others run without this project."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path


def export(
    run: str,
    out: str = "dist",
    version: str | None = None,
    changelog: str | None = None,
    weights: str = "model.pt",
    method: str | None = None,
    evaluation: str | None = None,
    selection: str | None = None,
    overwrite: bool = False,
    mpp: float | None = None,
    forms: str | Sequence[str] = "pt,ts,onnx",
    zoo: bool = False,
    zoo_url: str | None = None,
) -> None:
    """Exports a finished training as a bundle that others run without this project.

    Writes <out>/<bundle>/ and <out>/<bundle>_v<version>.zip: weights in three forms, configs, docs, licences.

    Args:
        run: output_dir of the training, which says what was trained and on what.
        out: the folder for exports.
        version: three numbers, e.g. 1.0.0; the bundle's own by default.
        changelog: what is new in it, one line.
        weights: the file in the run's models: model.pt, model_source_val.pt, model_average.pt, model_adabn.pt,
            model_average_adabn.pt; or a snapshot, such as snapshots/iteration_000500.pt.
        method: how it was adapted, in words, for the model card; the adaptation losses' names by default.
        evaluation: folder that evaluate.json wrote; evaluation in the run's folder by default.
        selection: whose scores there; by default those of the very file.
        overwrite: replace another export in <out>.
        mpp: micrometres per pixel of the images that it was trained on, e.g. 0.25 at 40x, where the data sets do not
            say it. Inference compares them with those of the images that it is given.
        forms: of the weights that the export keeps, pt and of choice ts and onnx; all three are made and compared.
        zoo: also writes <out>/zoo, the folders of a pull request to MONAI's model zoo.
        zoo_url: the folder where files above 25 MiB will lie, which the zoo does not keep.
    """
    from mani_monai.apps.export.documents import terms_of_use
    from mani_monai.apps.export.export_bundle import export_bundle
    from mani_monai.apps.export.trained_run import read_run
    from mani_monai.utils.places import place_of

    trained = read_run(run, weights, evaluation, selection, method, mpp)
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
