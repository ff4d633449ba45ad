"""Draw the toy data sets: two procedural H&E tissues with exact nuclei."""

from __future__ import annotations

import fire

from mani_monai.data.toy import make_toy_data


def main(
    dataset_dir: str = "data",
    images: int = 40,
    size: tuple[int, int] = (256, 256),
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Draw toy_source and toy_target into DATASET_DIR, with splits and folds, ready for any of the bundles.

    Args:
        dataset_dir: folder that gets one folder a data set.
        images: images a data set, at least 5.
        size: height and width in pixels, as 256,256.
        seed: the same seed draws the same data.
        overwrite: replace toy data that are there already; without it they are left alone.
    """
    made = make_toy_data(dataset_dir, images, tuple(size), seed, overwrite)
    print("\n".join(f"Made {folder}." for folder in made) or f"Toy data are in {dataset_dir} already.")


if __name__ == "__main__":
    fire.Fire(main)
