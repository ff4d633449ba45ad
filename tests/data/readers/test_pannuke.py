import re
from pathlib import Path

import numpy as np
import pytest
from warm_python import run_python

from mani_monai.data.readers import read_pannuke
from mani_monai.data.readers.pannuke import read_channels, read_patch
from mani_monai.utils import InputError

HEIGHT, WIDTH = 6, 9
TISSUES = np.array(["Breast", "Bile-duct", "Breast"])


def made(patches=3):
    """Images and masks in which patch k has a neoplastic nucleus 4 in row k and an inflammatory one 4 in row 5."""
    images = np.full((patches, HEIGHT, WIDTH, 3), 200.0)
    masks = np.zeros((patches, HEIGHT, WIDTH, 6))
    for k in range(patches):
        images[k, 0, 0] = k
        masks[k, k % 5, :3, 0] = 4
        masks[k, 5, 4:6, 1] = 4
    masks[..., 5] = masks[..., :5].max(-1) == 0
    return images, masks


def write(root, fold=1, layout="Fold {0}/{1}/fold{0}", **arrays):
    images, masks = made()
    files = {"images": images, "types": TISSUES, "masks": masks} | arrays
    for name, array in files.items():
        folder = root / layout.format(fold, "masks" if name == "masks" else "images")
        folder.mkdir(parents=True, exist_ok=True)
        if array is not None:
            np.save(folder / f"{name}.npy", array, allow_pickle=array.dtype == object)
    return folder


def test_native_layout(tmp_path):
    for fold in (1, 2, 3):
        write(tmp_path, fold)
    listing = read_pannuke(tmp_path)
    assert (listing.problems, listing.left_out) == ((), ())
    assert listing.types == ("neoplastic", "inflammatory", "connective", "dead", "epithelial")
    assert [r.id for r in listing.records] == [f"fold{fold}_{k:04d}" for fold in (1, 2, 3) for k in range(3)]
    assert [r.part for r in listing.records] == ["training"] * 3 + ["validation"] * 3 + ["test"] * 3
    assert [r.tissue for r in listing.records[:3]] == ["Breast", "Bile-duct", "Breast"]
    record = listing.records[4]
    assert record.group == record.id
    image, mask = record.read_image(), record.read_mask((HEIGHT, WIDTH))
    assert (image.pixels.dtype, image.pixels.shape, image.notes) == (np.uint8, (HEIGHT, WIDTH, 3), ())
    assert (image.pixels[0, 0].tolist(), image.pixels[1, 1].tolist()) == ([1, 1, 1], [200, 200, 200])
    assert mask.types[1].tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert mask.types[5].tolist() == [0, 0, 0, 0, 2, 2, 0, 0, 0]
    assert (mask.kind, len(np.unique(mask.values)), mask.notes) == ("ids", 3, ())  # 4 and 4 are two nuclei


@pytest.mark.parametrize(
    "layout", ["fold{0}/{1}", "Fold_{0}/{1}/fold{0}", "FOLD {0}/x/FOLD {0}/{1}", "fold-{0}", "fold3 of 3/fold{0}"]
)
def test_other_spellings(tmp_path, layout):
    folder = write(tmp_path, 2, layout)
    (folder / "masks.npy").rename(folder / "Masks.NPY")
    assert [r.id for r in read_pannuke(tmp_path).records] == ["fold2_0000", "fold2_0001", "fold2_0002"]


def test_one_fold_named_itself_and_hidden_copies(tmp_path):
    write(tmp_path, 3)
    write(tmp_path / "Fold 3" / "__MACOSX", 3)
    listing = read_pannuke(tmp_path / "Fold 3")
    assert len(listing.records) == 3
    assert listing.problems == ()


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64"])
def test_number_types(tmp_path, dtype):
    images, masks = made()
    write(tmp_path, images=images.astype(dtype), masks=np.asfortranarray(masks.astype(dtype)))
    record = read_pannuke(tmp_path).records[2]
    assert record.read_image().pixels[0, 0, 0] == 2
    assert record.read_mask((HEIGHT, WIDTH)).values[2, 0] > 0


def test_later_channel_wins_and_overlaps_are_counted(tmp_path):
    masks = np.zeros((1, 3, 6, 6))
    masks[0, 0, :3, 0] = 9  # neoplastic, loses a pixel
    masks[0, 0, 2:4, 4] = 9  # epithelial, the same id
    masks[0, 1, :2, 1] = 3  # inflammatory, covered wholly
    masks[0, 1, :3, 2] = 70  # connective
    masks[0, 2, 0, 5] = 1  # the background is no nucleus
    np.save(tmp_path / "masks.npy", masks)
    mask = read_channels(tmp_path / "masks.npy", 0)
    np.testing.assert_array_equal(mask.types, [[1, 1, 5, 5, 0, 0], [3, 3, 3, 0, 0, 0], [0] * 6])
    assert len(np.unique(mask.values)) == 1 + 3
    assert mask.values[0, 1] != mask.values[0, 2]
    assert dict(mask.notes) == {
        "pixels in two channels, given to the later": 3,
        "nuclei covered by a later channel": 1,
    }


def test_fractions_of_grey_values_are_rounded(tmp_path):
    np.save(tmp_path / "images.npy", np.full((1, 2, 2, 3), 99.6))
    image = read_patch(tmp_path / "images.npy", 0)
    assert (image.pixels == 100).all()
    assert image.notes == (("fractions of grey values rounded", 1),)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (np.nan, "image 1 holds NaN"),
        (np.inf, "image 1 holds NaN or infinite"),
        (-1, r"image 1 holds values from -1 to 200, not 0 to 255"),
        (256, r"image 1 holds values from 1 to 256"),
    ],
)
def test_bad_pixel(tmp_path, value, fault):
    images = made()[0]
    images[1, 2, 2, 1] = value
    write(tmp_path, images=images)
    good, bad, _ = read_pannuke(tmp_path).records
    good.read_image()
    with pytest.raises(InputError, match=rf"images\.npy: {fault}") as error:
        bad.read_image()
    assert "\n" not in str(error.value)


def test_images_of_0_to_1(tmp_path):
    write(tmp_path, images=made()[0] / 255)
    with pytest.raises(InputError, match=r"images\.npy: image 0 holds values from 0 to 0\.78.*rescale"):
        read_pannuke(tmp_path).records[0].read_image()


@pytest.mark.parametrize(
    ("value", "fault"), [(np.nan, "NaN"), (0.5, "no whole ids"), (-3, "no whole"), (1e12, "whole")]
)
def test_bad_mask_value(tmp_path, value, fault):
    masks = made()[1]
    masks[2, 1, 1, 3] = value
    write(tmp_path, masks=masks)
    with pytest.raises(InputError, match=rf"masks\.npy: mask 2 holds .*{fault}"):
        read_pannuke(tmp_path).records[2].read_mask((HEIGHT, WIDTH))


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"masks": np.zeros((3, HEIGHT, WIDTH, 5))}, r"masks\.npy: holds float64 of 3x6x9x5, not .* x 6"),
        ({"masks": np.zeros((3, HEIGHT, WIDTH))}, r"masks\.npy: holds float64 of 3x6x9, not"),
        ({"images": np.zeros((3, HEIGHT, WIDTH, 4))}, r"images\.npy: holds float64 of 3x6x9x4, not .* x 3"),
        ({"images": np.zeros((0, HEIGHT, WIDTH, 3))}, r"images\.npy: holds float64 of 0x6x9x3"),
        ({"images": np.zeros((3, HEIGHT, WIDTH, 3), complex)}, r"images\.npy: holds complex128"),
        ({"masks": np.zeros((2, HEIGHT, WIDTH, 6))}, r"masks\.npy: holds 2x6x9 masks where there are 3x6x9 images"),
        ({"masks": np.zeros((3, WIDTH, HEIGHT, 6))}, r"masks\.npy: holds 3x9x6 masks where there are 3x6x9 images"),
        ({"types": TISSUES[:2]}, r"types\.npy: holds <U9 of 2, not the names of 3 tissues"),
        ({"types": np.arange(3)}, r"types\.npy: holds int64 of 3, not the names"),
        ({"types": TISSUES.astype(object)}, r"types\.npy: holds Python objects, which are never unpickled"),
        ({"masks": np.full(3, None)}, r"masks\.npy: holds Python objects, which are never unpickled"),
        ({"masks": None}, r"fold 1 has no masks\.npy"),
        ({"images": None}, r"fold 1 has no images\.npy"),
    ],
)
def test_a_bad_file_is_one_line_and_the_other_folds_are_read(tmp_path, arrays, fault):
    write(tmp_path, 1, **arrays)
    write(tmp_path, 2)
    listing = read_pannuke(tmp_path)
    assert len(listing.problems) == 1
    assert [r.id[:5] for r in listing.records] == ["fold2"] * 3
    assert re.search(fault, listing.problems[0])
    assert "\n" not in listing.problems[0]


def test_a_pickle_is_never_run(tmp_path):
    folder = write(tmp_path)
    flag = tmp_path / "ran"

    class Payload:
        def __reduce__(self):
            return Path.touch, (flag,)

    array = np.empty(1, object)
    array[0] = Payload()
    np.save(folder / "masks.npy", array, allow_pickle=True)
    assert "never unpickled" in read_pannuke(tmp_path).problems[0]
    assert not flag.exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x93NUMPY\x01\x00"])
def test_broken_file(tmp_path, content):
    folder = write(tmp_path)
    (folder / "masks.npy").write_bytes(content)
    assert read_pannuke(tmp_path).problems[0].startswith(f"{folder / 'masks.npy'}: ")
    assert "\n" not in read_pannuke(tmp_path).problems[0]


def test_truncated_file_and_archive(tmp_path):
    folder = write(tmp_path)
    path = folder / "masks.npy"
    path.write_bytes(path.read_bytes()[:-8])
    assert "masks.npy: cannot be read as .npy" in read_pannuke(tmp_path).problems[0]
    np.savez(folder / "masks.npz", made()[1])
    (folder / "masks.npz").rename(path)
    assert "masks.npy: is an archive" in read_pannuke(tmp_path).problems[0]


def test_two_copies_missing_tissues_and_no_fold(tmp_path):
    write(tmp_path, types=None)
    listing = read_pannuke(tmp_path)
    assert [r.tissue for r in listing.records] == [None] * 3
    assert listing.left_out == ("tissues of fold 1: it has no types.npy",)
    write(tmp_path, 1, "z/fold{0}", types=None)
    assert "is of the same fold as" in read_pannuke(tmp_path).problems[0]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no images\.npy in a folder fold1, fold2 or fold3"):
        read_pannuke(tmp_path / "empty")


_READ = """
import re, sys
from pathlib import Path
from mani_monai.data.readers import read_pannuke

def peak():  # of this process alone; what getrusage tells begins with the parent's
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

before = peak()
records = read_pannuke(sys.argv[1]).records
for record in records:
    record.read_image(), record.read_mask((256, 256))
print(len(records), (peak() - before) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc that tells a process's peak memory")
def test_memory_does_not_grow_with_the_fold(tmp_path, command_environment):
    """40 patches, 180 MiB as stored (sparse files), are read with a fraction of that in memory."""
    for part, channels in (("images", 3), ("masks", 6)):
        folder = tmp_path / "Fold 1" / part / "fold1"
        folder.mkdir(parents=True)
        shape = (40, 256, 256, channels)
        np.lib.format.open_memmap(folder / f"{part}.npy", "w+", np.float64, shape).flush()
    done = run_python(["-c", _READ, tmp_path], tmp_path, command_environment)
    patches, grown = map(int, done.stdout.split())
    assert patches == 40
    assert grown < 60  # MiB
