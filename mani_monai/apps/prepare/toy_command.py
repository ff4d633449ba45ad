"""The toy data sets: two procedural H&E tissues with exact nuclei."""

from __future__ import annotations


def toy(
    dataset_dir: str = "data",
    images: int = 40,
    size: tuple[int, int] = (256, 256),
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Draws two toy tissues, toy_source and toy_target, with splits and folds, ready for any of the bundles.

    Args:
        dataset_dir: folder that gets one folder a data set.
        images: images a data set, at least 5.
        size: height and width in pixels, as 256,256.
        seed: the same seed draws the same data.
        overwrite: replace toy data that are there already; without it they are left alone.
    """
    from mani_monai.apps.prepare.toy import MIN_IMAGES, make_toy_data
    from mani_monai.apps.prepare.toy_histology import MIN_SIDE
    from mani_monai.utils import InputError

    if images < MIN_IMAGES:
        raise InputError(f"--images {images}: choose {MIN_IMAGES} or more, which five folds need.")
    sides = size if isinstance(size, (tuple, list)) else (size,)
    if len(sides) != 2 or any(type(side) is not int or side < MIN_SIDE for side in sides):
        raise InputError(f"--size {size}: is no height and width of {MIN_SIDE} pixels or more, such as 256,256.")
    made = make_toy_data(dataset_dir, images, (sides[0], sides[1]), seed, overwrite)
    print("\n".join(f"Made {folder}." for folder in made) or f"Toy data are in {dataset_dir} already.")
