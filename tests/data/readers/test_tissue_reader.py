"""The decoder as MONAI's LoadImaged, from a config and from a folder of modules that a bundle carries."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile
from monai.bundle import ConfigParser
from monai.transforms import EnsureChannelFirstd, LoadImaged, SaveImaged
from PIL import Image
from warm_python import run_python

from mani_monai.apps.export.carried_modules import carry_modules, renamed
from mani_monai.data.readers import MarkTissued, TissueReader
from mani_monai.transforms.tissue import shown_as_glass, tissue_mask
from mani_monai.utils import InputError

PIXELS = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
NAME = "mani_monai.data.readers.LoadTissued"


def loader(**options):
    config = {"_target_": NAME, "keys": "image", "dtype": "uint8", **options}
    return ConfigParser({"load": config}).get_parsed_content("load")


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")  # of PILReader's own
@pytest.mark.parametrize("reverse_indexing", [True, False])
def test_a_plain_image_is_what_pil_reader_gives(tmp_path, reverse_indexing):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    stock = LoadImaged("image", reader="PILReader", reverse_indexing=reverse_indexing, dtype="uint8")
    own = loader(reverse_indexing=reverse_indexing)({"image": str(tmp_path / "a.png")})["image"]
    expected = stock({"image": str(tmp_path / "a.png")})["image"]
    np.testing.assert_array_equal(own, expected)
    assert own.shape == ((7, 5, 3) if reverse_indexing else (5, 7, 3))
    assert own.meta.keys() == expected.meta.keys()
    assert own.meta["filename_or_obj"] == str(tmp_path / "a.png")


def test_grey_of_16_bits_and_several_files(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS[..., 0].astype(np.uint16) * 257, photometric="minisblack")
    image = loader(reverse_indexing=False)({"image": str(tmp_path / "a.tif")})["image"]
    np.testing.assert_array_equal(image, np.repeat(PIXELS[..., :1], 3, axis=2))
    assert len(TissueReader().read([tmp_path / "a.tif"] * 2)) == 2


def test_what_is_refused_names_its_file_and_ends_the_run(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS.astype(np.uint16) * 16, photometric="rgb")
    with pytest.raises(InputError, match=r"^[^\n]*a\.tif: its values stay below 4096 of 65536"):
        loader()({"image": str(tmp_path / "a.tif")})


def test_outputs_are_named_after_the_file(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    image = loader()({"image": str(tmp_path / "a.png")})["image"]
    save = {"output_ext": ".png", "separate_folder": False, "print_log": False, "output_dtype": "uint8"}
    write = SaveImaged("image", output_dir=tmp_path / "out", output_postfix="copy", **save)
    write({"image": EnsureChannelFirstd("image")({"image": image})["image"]})
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a_copy.png")), PIXELS)


def test_an_export_carries_it_and_runs_it_alone(tmp_path):
    carried = carry_modules([NAME], tmp_path)
    assert len(carried) < 14, carried
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    program = f"from {renamed(NAME).rpartition('.')[0]} import LoadTissued as Load"
    program += "; print(*Load('image')({'image': 'a.png'})['image'].shape)"
    blocked = f"import sys; sys.modules['mani_monai'] = None; {program}"
    answer = run_python(["-c", blocked], tmp_path, os.environ)
    assert answer.stdout.strip() == "7 5 3", answer.stderr


def test_pixels_may_be_written_to(tmp_path):
    """Torch warns of a tensor over memory that is not, in every training."""
    path = tmp_path / "a.png"
    Image.fromarray(np.full((4, 6, 3), 200, np.uint8)).save(path)
    for reverse in (True, False):
        reader = TissueReader(reverse_indexing=reverse)
        pixels, _ = reader.get_data(reader.read(path))
        assert pixels.flags.writeable
        assert pixels.shape == ((6, 4, 3) if reverse else (4, 6, 3))


def test_what_is_no_tissue_becomes_glass_and_is_marked(tmp_path):
    pixels = np.random.default_rng(0).integers(90, 200, (40, 60, 3)).astype(np.uint8)
    pixels[:, 45:] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for reverse in (True, False):
        item = loader(reverse_indexing=reverse, tissue_key="tissue")({"image": str(tmp_path / "a.png")})
        image, tissue = np.asarray(item["image"]), np.asarray(item["tissue"])[0]
        if reverse:
            image, tissue = image.transpose(1, 0, 2), tissue.T
        np.testing.assert_array_equal(tissue, tissue_mask(pixels))
        assert not tissue[:, 45:].any()
        np.testing.assert_array_equal(image, shown_as_glass(pixels))
        marked = MarkTissued()({"image": str(tmp_path / "a.png"), "tissue": "a tissue's name"})
        np.testing.assert_array_equal(marked["tissue"][0], tissue_mask(pixels))
        assert marked["image"] == str(tmp_path / "a.png")


def test_a_mask_that_is_there_is_not_made_again(tmp_path):
    """Evaluations mark tissue for runs of before; runs of today mark it themselves."""
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    once = MarkTissued()({"image": str(tmp_path / "a.png")})
    (tmp_path / "a.png").unlink()
    again = MarkTissued()(once)
    assert again["tissue"] is once["tissue"]
