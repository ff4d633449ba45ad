"""A real tissue image to try a model on."""

from __future__ import annotations

from pathlib import Path

NAME = "skin.tif"


def sample(out: str) -> None:
    """Writes a sample of tissue: skin in haematoxylin and eosin, 800 x 640 px of 0.499 um.

    It is a part of CMU-1-Small-Region, one of OpenSlide's test slides, free to use and to distribute.

    Args:
        out: folder for skin.tif.
    """
    print(f"{write_sample(Path(out))}: skin, haematoxylin and eosin, 0.499 um per pixel")


def write_sample(folder: Path) -> Path:
    """Writes the sample into a folder.

    Returns:
        its file, which says its pixel size.

    Raises:
        InputError: when it cannot be written, or the installation lacks it.
    """
    import shutil

    from mani_monai.utils.folders import replacing
    from mani_monai.utils.places import place_of

    kept, path = place_of("pretrained") / "sample" / NAME, folder / NAME
    with replacing(path) as partial:
        shutil.copyfile(kept, partial)
    return path
