import numpy as np
import pytest
from PIL import Image

from mani_monai.data.readers import read_folder
from mani_monai.utils import InputError


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 6), 1, np.uint8)).save(path)


def test_images_alone(tmp_path):
    for name in ("b.jpg", "a.png", "c.tiff", "notes.txt"):
        write(tmp_path / name) if not name.endswith("txt") else (tmp_path / name).touch()
    listing = read_folder(tmp_path)
    assert [(r.id, r.group, r.read_mask) for r in listing.records] == [(n, n, None) for n in "abc"]


def test_masks_by_name_or_with_a_suffix(tmp_path):
    for name in ("a", "b", "b_label"):
        write(tmp_path / "images" / f"{name}.png")
    for name in ("a_mask", "b", "b_label", "d"):
        write(tmp_path / "masks" / f"{name}.png")
    listing = read_folder(tmp_path / "images", tmp_path / "masks", "ids")
    assert [r.id for r in listing.records] == ["a", "b", "b_label"]
    assert listing.records[0].read_mask((4, 6)).kind == "ids"
    assert len(listing.problems) == 1
    assert "d.png: is a mask without its image" in listing.problems[0]
    (tmp_path / "masks" / "b.png").unlink()
    line = read_folder(tmp_path / "images", tmp_path / "masks").problems[0]
    assert f"b.png: has no mask in {tmp_path / 'masks'} (of its name, or that with _mask, _masks, _label," in line


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
@pytest.mark.parametrize("ids", [np.uint8, np.uint16])
@pytest.mark.parametrize("word", ["", "_mask", "_Label"])
def test_swapped_folders_are_named(tmp_path, ending, ids, word):
    tissue = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        Image.fromarray(tissue).save(tmp_path / "images" / f"{name}.{ending}")
        Image.fromarray(np.eye(20, 30).astype(ids)).save(tmp_path / "masks" / f"{name}{word}.png")
    assert len(read_folder(tmp_path / "images", tmp_path / "masks").records) == 2
    with pytest.raises(InputError, match=r"masks: holds masks, and .*images pictures; are --images and --masks swap"):
        read_folder(tmp_path / "masks", tmp_path / "images")


def test_most_of_the_first_pairs_say_whether_folders_are_swapped(tmp_path):
    """One picture among the masks, or one mask among the pictures, decides nothing."""
    tissue = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    pixels = {"images": tissue, "masks": np.eye(20, 30).astype(np.uint8)}
    for folder, other in (("images", "masks"), ("masks", "images")):
        (tmp_path / folder).mkdir()
        for name in "abc":
            Image.fromarray(pixels[other if name == "a" else folder]).save(tmp_path / folder / f"{name}.png")
    listing = read_folder(tmp_path / "images", tmp_path / "masks")
    assert [record.id for record in listing.records] == ["a", "b", "c"]
    with pytest.raises(InputError, match=r"masks: holds masks, and .*images pictures; are --images and --masks swap"):
        read_folder(tmp_path / "masks", tmp_path / "images")


def test_grey_images_with_masks_in_a_palette_are_not_swapped(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    Image.fromarray(np.arange(255, dtype=np.uint8).reshape(15, 17)).save(tmp_path / "images" / "a.png")
    mask = Image.fromarray(np.eye(15, 17).astype(np.uint8)).convert("P")
    mask.putpalette([0, 0, 0, 255, 0, 0])
    mask.save(tmp_path / "masks" / "a.png")
    assert len(read_folder(tmp_path / "images", tmp_path / "masks").records) == 1


def test_a_masks_word_in_capitals(tmp_path):
    write(tmp_path / "images" / "a.PNG")
    write(tmp_path / "masks" / "a_Mask.PNG")
    listing = read_folder(tmp_path / "images", tmp_path / "masks")
    assert [r.id for r in listing.records] == ["a"]
    assert listing.problems == ()


def test_a_link_to_nowhere_is_an_image_that_cannot_be_read(tmp_path):
    write(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "none.png")
    assert [r.id for r in read_folder(tmp_path).records] == ["a", "b"]


def test_groups(tmp_path):
    for name in "abc":
        write(tmp_path / f"{name}.png")
    table = tmp_path / "groups.csv"
    table.write_text("image,group\na,p1\nb.png,p2\nc,p1\n")
    listing = read_folder(tmp_path, groups=table)
    assert [r.group for r in listing.records] == ["p1", "p2", "p1"]
    assert listing.group == "group"
    table.write_text("image,group\na,p1\nc,\n")
    with pytest.raises(InputError, match=r"groups\.csv: gives no group for b \(2 such\)"):
        read_folder(tmp_path, groups=table)
    table.write_text("a,p1\n")
    with pytest.raises(InputError, match="needs a first line"):
        read_folder(tmp_path, groups=table)
    with pytest.raises(InputError, match=r"none\.csv: does not exist"):
        read_folder(tmp_path, groups=tmp_path / "none.csv")


@pytest.mark.parametrize("lines", ["a,p1\na,p2", "a,p1\na.png,p2", "a.png,p1\n a.tif ,p2"])
def test_groups_that_contradict_each_other(tmp_path, lines):
    write(tmp_path / "a.png")
    (tmp_path / "groups.csv").write_text(f"image,group\n{lines}\n")
    with pytest.raises(InputError, match=r"groups\.csv: gives a.* the groups p1 and p2; keep one of the two lines"):
        read_folder(tmp_path, groups=tmp_path / "groups.csv")


def test_a_line_twice_and_spaces_around_it_are_no_contradiction(tmp_path):
    write(tmp_path / "M\u00fc.png")
    (tmp_path / "groups.csv").write_text("image;group\nMu\u0308.png; p1\nM\u00fc ;p1 \n", encoding="utf-8")
    (record,) = read_folder(tmp_path, groups=tmp_path / "groups.csv").records
    assert (record.id, record.group) == ("M\u00fc", "p1")


@pytest.mark.parametrize("place", ["C:\\data\\", "./images/", "/data/set 1/", "..\\"])
def test_groups_of_paths(tmp_path, place):
    """A spreadsheet's list of files has their folders, too."""
    write(tmp_path / "a.png")
    (tmp_path / "groups.csv").write_text(f"image,group\n{place}a.png,p1\n")
    assert [record.group for record in read_folder(tmp_path, groups=tmp_path / "groups.csv").records] == ["p1"]


def test_names_of_other_images_may_stand_in_several_folders(tmp_path):
    """The table of a whole cohort, of which a few images are here."""
    write(tmp_path / "a.png")
    table = tmp_path / "groups.csv"
    table.write_text("image,group\na.png,p1\nx/tile.png,p1\ny/tile.png,p2\n")
    assert [record.group for record in read_folder(tmp_path, groups=table).records] == ["p1"]
    write(tmp_path / "tile.png")
    with pytest.raises(InputError, match=r"gives y/tile\.png the groups p1 and p2; keep one of the two lines"):
        read_folder(tmp_path, groups=table)


@pytest.mark.parametrize("groups", [("1 12", "11 2"), ("P1 12", "P11 2"), ("1 12", "112")])
def test_numbers_that_a_space_parts_are_two_groups(tmp_path, groups):
    for name in "ab":
        write(tmp_path / f"{name}.png")
    (tmp_path / "groups.csv").write_text(f"image,group\na,{groups[0]}\nb,{groups[1]}\n", encoding="utf-8")
    assert [r.group for r in read_folder(tmp_path, groups=tmp_path / "groups.csv").records] == list(groups)


def test_names_in_other_capitals_are_named(tmp_path):
    write(tmp_path / "a1.png")
    (tmp_path / "groups.csv").write_text("image,group\nA1.PNG,p1\n")
    with pytest.raises(InputError, match=r"gives no group for a1 \(1 such\); it names A1; write names alike\.$"):
        read_folder(tmp_path, groups=tmp_path / "groups.csv")


@pytest.mark.parametrize(
    "other", ["pat 1", "Pat  1", "Pat\u00a01", "PAT1", "Pat_1", "Pat-1", "Pat\u20131", "Pat 1\u200b", "Pat 01"]
)
def test_one_group_in_two_spellings_is_refused(tmp_path, other):
    """Folds would part its images, and scores be too good."""
    for name in "ab":
        write(tmp_path / f"{name}.png")
    (tmp_path / "groups.csv").write_text(f"image,group\na,Pat 1\nb,{other}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"groups\.csv: names both Pat 1 and .* as groups; write each group one way"):
        read_folder(tmp_path, groups=tmp_path / "groups.csv")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1", "1.0", True), ("7", "007", True), ("a-1", "a_1", True), ("10", "1", False), ("1.05", "1.5", False),
        ("1-11", "11-1", False), ("1.10", "1.1", False), ("P10", "P1", False), ("0", "1", False),
    ],
)  # fmt: skip
def test_what_spreadsheets_make_of_a_number_is_a_spelling(tmp_path, one, other, same):
    for name in "ab":
        write(tmp_path / f"{name}.png")
    (tmp_path / "groups.csv").write_text(f"image,group\na,{one}\nb,{other}\n")
    if same:
        with pytest.raises(InputError, match=rf"names both {one} and {other} as groups"):
            read_folder(tmp_path, groups=tmp_path / "groups.csv")
    else:
        groups = {record.group for record in read_folder(tmp_path, groups=tmp_path / "groups.csv").records}
        assert groups == {one, other}


def test_a_groups_normal_form_is_no_spelling(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.png")
    (tmp_path / "groups.csv").write_text("image,group\na,M\u00fc\nb,Mu\u0308\n", encoding="utf-8")
    assert len({record.group for record in read_folder(tmp_path, groups=tmp_path / "groups.csv").records}) == 1


def test_folders_below_are_named(tmp_path):
    for part in ("images", "masks"):
        (tmp_path / "kidney" / part).mkdir(parents=True)
        write(tmp_path / "kidney" / part / "a.png")
    place = tmp_path / "kidney"
    with pytest.raises(InputError, match=f"^{place}: holds no images .*; name {place / 'images'}, where there are"):
        read_folder(place)
    with pytest.raises(InputError, match=f"^{place}: holds no masks; name {place / 'masks'}, where there are some"):
        read_folder(place / "images", place)


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="holds no images"):
        read_folder(tmp_path)
    write(tmp_path / "a.png")
    with pytest.raises(InputError, match="for both images and masks"):
        read_folder(tmp_path, tmp_path)
    with pytest.raises(InputError, match="--mask_values types: unknown"):
        read_folder(tmp_path, mask_values="types")


@pytest.mark.parametrize("word", ["NA", "nan", "#N/A", "NULL", "-"])
def test_a_word_for_an_empty_cell_is_no_group(tmp_path, word):
    for name in "ab":
        write(tmp_path / f"{name}.png")
    (tmp_path / "groups.csv").write_text(f"image,group\na,{word}\nb,{word}\n")
    with pytest.raises(InputError, match=r"groups\.csv: gives no group for a \(2 such\)"):
        read_folder(tmp_path, groups=tmp_path / "groups.csv")


@pytest.mark.parametrize("with_masks", [True, False])
def test_images_in_subfolders_are_said_to_be_left_out(tmp_path, with_masks):
    for name in ("a.png", "late/b.png", "drawn/a.png"):
        write(tmp_path / name)
    masks = tmp_path / "drawn" if with_masks else None
    (line,) = read_folder(tmp_path, masks).left_out
    said = "1 image in late (1)" if with_masks else "2 images in drawn (1), late (1)"
    assert line == f"{said}: subfolders are not searched; name one with --images."
