"""A folder of images through an exported bundle: files of every image, and one summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from mani_monai.apps.infer.folder_result import FAILED, FolderResult, ImageResult, name_failed, write_summary
from mani_monai.apps.infer.image_steps import ImageSteps
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.data.readers.rasters import IMAGE_ENDINGS
from mani_monai.model import Model
from mani_monai.transforms.save_nuclei import ENDINGS, MASK
from mani_monai.utils import InputError
from mani_monai.utils.archive import check_outside
from mani_monai.utils.folders import check_folder, files_by_stem, make_folder, name_fault, paths_in, shown
from mani_monai.utils.overlapped import AHEAD, overlapped
from mani_monai.utils.subfolders import left_below, remedy_below

SUMMARY = "summary.csv"


def infer_folder(
    bundle: str | Path,
    images: str | Path,
    out: str | Path,
    mpp: float | None = None,
    outputs: Sequence[str] | None = None,
    precision: str = "auto",
    device: str | None = None,
    overwrite: bool = False,
    progress: bool = True,
    ahead: int = AHEAD,
) -> FolderResult:
    """Finds nuclei in every image of a folder and writes them, then a summary.

    A bad image is no end: it is named in the result. An image whose outputs are there, of the same weights and
    settings, is not done again.

    Args:
        bundle: a run's folder, or folder or zip of an exported mani_unet or mani_hovernet.
        images: the folder, with PNG, TIFF, JPEG and BMP directly in it; or one such file.
        out: the folder for outputs; it is made.
        mpp: micrometres per pixel of all images; what each file says by default.
        outputs: "mask" (mani_unet) or names of ``mani_monai.transforms.save_nuclei.ENDINGS``; by default the bundle's.
        precision: "float32", "bfloat16" or "auto".
        device: where the network runs; the GPU where there is one, by default.
        overwrite: do again what is done.
        progress: show a bar.
        ahead: as in :func:`overlapped`.

    Raises:
        InputError: for a bundle that is refused, wrong options, and where there are no images.
    """
    size = given_pixel_size(mpp)
    place, out = Path(str(images)).expanduser(), Path(out)
    alone = _is_image(place)
    folder = place.parent if alone else check_folder(place, "the images")
    if out.resolve() == folder.resolve():
        raise InputError(f"{out}: holds the images; name another folder with --out.")
    check_outside(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; name a folder with --out.")
    twins: list[str] = []
    paths = [place] if alone else list(files_by_stem([folder], IMAGE_ENDINGS, twins).values())
    if (folder / "configs" / "metadata.json").is_file():
        raise InputError(f"{folder}: is a bundle, and no folder of images; are --bundle and --images swapped?")
    if not paths and not twins:
        remedy = remedy_below(folder, IMAGE_ENDINGS, "name their folder with --images, or use mani slides", masks=False)
        raise InputError(f"{folder}: holds no PNG, TIFF, JPEG or BMP images; {remedy}.")
    model = Model.open(bundle, device, precision)
    outputs = _checked(outputs, model)
    make_folder(out)
    steps = ImageSteps(model, out, outputs, size, overwrite)
    bar = tqdm(total=len(paths), desc="inference", unit="image", disable=not progress)
    results = [ImageResult(Path(line.partition(": ")[0]).name, FAILED, note=line) for line in twins]
    with bar:
        for result in overlapped(paths, steps.read, steps.segment, steps.write, ahead):
            results.append(result)
            bar.update()
    results.sort(key=lambda result: result.image)
    files = len(results) if alone else len(paths_in(folder))
    facts = {"bundle": str(bundle), "version": model.version, **steps.facts, "device": str(model.device)}
    below = () if alone else left_below(folder, IMAGE_ENDINGS, "image", "--images", (out,))
    finished = FolderResult(facts, results, files - len(results), out / SUMMARY, below)
    try:
        write_summary(finished)
    except InputError:  # of a full disk, say: what failed is said all the same
        name_failed(finished)
        raise
    return finished


def _is_image(path: Path) -> bool:
    """Whether a path is one picture rather than a folder of them.

    Raises:
        InputError: for a file of another kind, and for one whose name cannot be written down.
    """
    try:
        if not path.is_file():
            return False
    except PermissionError:  # what is above it is named where folders are
        return False
    if not path.name.lower().endswith(IMAGE_ENDINGS):
        raise InputError(f"{path}: is no PNG, TIFF, JPEG or BMP image; name one, or a folder, or use mani slides.")
    if (fault := name_fault(path.name)) is not None:
        raise InputError(f"{shown(path)}: {fault}")
    return True


def _checked(outputs: Sequence[str] | None, model: Model) -> tuple[str, ...]:
    """The outputs that are wanted.

    Raises:
        InputError: when there is none, or one that the bundle does not give.
    """
    if outputs is None:
        return model.outputs
    known = [name for name in ENDINGS if name != MASK or MASK in model.outputs]
    unknown = [name for name in outputs if name not in known]
    if unknown or not outputs:
        what = unknown[0] if unknown else "(none)"
        raise InputError(
            f"--outputs {what}: {model.name} writes {', '.join(known)}; choose among them, with commas, e.g. png,csv."
        )
    return tuple(dict.fromkeys(outputs))
