"""Steps after a training, which need its folder alone."""

from __future__ import annotations


def evaluate(run: str, overlays: str = "", label_free_images: int | None = None) -> None:
    """Scores a run's weights on labelled test images of its target.

    Writes <run>/evaluation/metrics.json and scores.csv. It scores the last iterate, the average, the best on source
    validation, and the oracle, which target labels choose.

    Args:
        run: the training's folder.
        overlays: configs that change the evaluation, with commas, such as adabn or dense_crf.
        label_free_images: unlabelled images on which snapshots are scored too; 0 for none. The bundle's by default.
    """
    from mani_monai.apps.steps.run_steps import evaluate_run
    from mani_monai.apps.steps.scored_images import scored_images

    names = [name for name in overlays.split(",") if name]
    options = {} if label_free_images is None else {"label_free_images": label_free_images}
    folder = evaluate_run(run, names, **options)
    print(f"scores: {folder}\n{scored_images(run, folder)}")


def calibrate(run: str) -> None:
    """Makes the certainty of each nucleus mean how often such nuclei of the source are right.

    Fits a temperature and a bias on the source's labelled validation images. Writes both into
    <run>/configs/metadata.json, from where they go into exports. No label of a target is read.

    Args:
        run: the training's folder.
    """
    from mani_monai.apps.steps.calibrate_run import calibrate_run

    found = calibrate_run(run)
    numbers = f"temperature: {found.temperature:g}, bias: {found.bias:g}"
    print(f"{numbers}, of {found.nuclei:,} nuclei of the source's validation images")
    print(f"calibration error: {found.error_before:.3f} before, {found.error_after:.3f} after")


def reestimate(run: str, weights: str = "model.pt") -> None:
    """Measures a run's batch statistics again on its unlabelled target images (AdaBN).

    Writes <run>/models/<weights>_adabn.pt. No weight is trained and no label is read.

    Args:
        run: the training's folder.
        weights: a file in the run's models.
    """
    from mani_monai.apps.steps.run_steps import reestimate_run

    print(f"weights: {reestimate_run(run, weights)}")


def average(run: str) -> None:
    """Averages the weights of a run's second half.

    Writes <run>/models/model_average.pt. No label is read.

    Args:
        run: the training's folder.
    """
    from mani_monai.apps.steps.run_steps import average_run

    print(f"weights: {average_run(run)}")


def prototypes(run: str) -> None:
    """Notes mean vectors of the source's nuclei and background, for adaptations without source images.

    Writes them into <run>/configs/metadata.json, some kilobytes, from where they go into exports. They are means of
    features, one of each class an image. No label of a target is read.

    Args:
        run: the training's folder.
    """
    from mani_monai.apps.steps.source_prototypes import note_prototypes

    print(f"vectors: {len(note_prototypes(run)['nuclei'])} of nuclei, as many of background")
