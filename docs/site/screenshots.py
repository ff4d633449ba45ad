"""Draws the pages' pictures anew in ``docs/images``: outlines of the sample, and reports of two adaptations.

``make screenshots`` runs it. Chromium shows the reports; Debian's package is ``chromium``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

IMAGES = Path(__file__).parents[1] / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars")
OFFLINE = ("--disable-quic", "--disable-sync", "--disable-background-networking", "--disable-component-update")
SIZE = (1000, 900)
"""Width and height in pixels of what is shown of a report: the verdict, the next command, a field."""
MPP = "0.499"
SHIPPED = "pretrained/mani_unet"
SHOWN = (385, 0, 800, 330)
"""Left, top, right and bottom of the part of the sample that is shown, in its pixels."""
ZOOM, WIDTH, YELLOW = 2, 3, (255, 230, 0)
"""Of the part, and of its outlines, which a page shows at this size."""
LETTERS = {"A": (532, 66), "B": (632, 232), "C": (678, 98), "D": (716, 277)}
"""Places beside what the caption speaks of, in the sample's pixels: right, missed, false, two in one outline."""
HOME = "/home/me"
"""What stands for the folder of the commands in a picture."""


def main() -> None:
    """Draws ``skin.jpg``, ``report_use.jpg`` and ``report_keep.jpg``."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        mani(folder, "demo", "--out", "demo", "--device", "cpu")
        tissue = folder / "demo" / "tissue" / "skin.tif"
        outlined(tissue, folder / "demo" / "nuclei" / "skin.geojson").save(IMAGES / "skin.jpg", quality=90)
        cut(tissue, folder / "skin")
        places = ("--model", SHIPPED, "--target", "skin", "--mpp", MPP, "--licence", "public domain")
        for verdict, method in (("use", ()), ("keep", ("--method", "statistics"))):
            mani(folder, "adapt", *places, "--out", f"adapted_{verdict}", *method)
            shown = photograph(folder / f"adapted_{verdict}" / "report.html", folder / f"{verdict}.png")
            shown.convert("RGB").save(IMAGES / f"report_{verdict}.jpg", quality=80)


def outlined(image: Path, nuclei: Path) -> Image.Image:
    """A part of an image, enlarged, with the outlines of its nuclei and the letters of a caption.

    Args:
        image: the file.
        nuclei: its GeoJSON, as ``mani infer`` writes it.
    """
    left, top, right, bottom = SHOWN
    with Image.open(image) as whole:
        part = whole.convert("RGB").crop(SHOWN)
    picture = part.resize(((right - left) * ZOOM, (bottom - top) * ZOOM), Image.Resampling.BICUBIC)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(26)
    for feature in json.loads(nuclei.read_text(encoding="utf-8"))["features"]:
        shape = feature["geometry"]
        polygons = shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]
        for ring in (ring for polygon in polygons for ring in polygon):
            draw.line([((x - left) * ZOOM, (y - top) * ZOOM) for x, y in ring], YELLOW, WIDTH, "curve")
    for letter, (x, y) in LETTERS.items():
        middle = ((x - left) * ZOOM, (y - top) * ZOOM)
        draw.circle(middle, 17, "white", "black")
        draw.text(middle, letter, "black", font, "mm")
    return picture


def mani(folder: Path, *words: str) -> None:
    """Runs a command of the program in a folder.

    Raises:
        subprocess.CalledProcessError: when it fails.
    """
    subprocess.run([sys.executable, "-m", "mani_monai", *words], cwd=folder, check=True)


def cut(image: Path, folder: Path) -> None:
    """Cuts six parts of an image, which stand for a folder of images of one tissue."""
    folder.mkdir()
    with Image.open(image) as whole:
        for left in (0, 266, 532):
            for top in (0, 320):
                whole.crop((left, top, left + 266, top + 320)).save(folder / f"part_{left}_{top}.png")


def photograph(page: Path, out: Path) -> Image.Image:
    """What a browser shows of a page's beginning, with ``HOME`` for the folder of its commands.

    Raises:
        SystemExit: when there is no browser, or it shows nothing.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"none of {', '.join(BROWSERS)} is installed; install one, such as Debian's chromium.")
    text = page.read_text(encoding="utf-8").replace(str(page.parents[1]), HOME)
    page.write_text(text, encoding="utf-8")
    size = f"--window-size={SIZE[0]},{SIZE[1]}"
    profile = f"--user-data-dir={out.parent / 'profile'}"
    line = [browser, *QUIET, *OFFLINE, profile, size, f"--screenshot={out}", page.as_uri()]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    if not out.is_file():
        sys.exit(f"{page}: {browser} shows nothing of it ({done.stderr.strip()}).")
    return Image.open(out)


if __name__ == "__main__":
    main()
