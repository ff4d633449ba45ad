"""JPEGs of several pictures, as phones and cameras write them: the first one is taken where the others add to it."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from mani_monai.data.readers.given_pictures import as_rgb
from mani_monai.data.readers.pages import additions_of
from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError

RANDOM = np.random.default_rng(0)
PICTURE = Image.fromarray(RANDOM.integers(0, 255, (6, 8, 3), np.uint8)).resize((80, 64), Image.Resampling.BICUBIC)
MAP = Image.fromarray(RANDOM.integers(0, 255, (4, 5, 3), np.uint8)).resize((40, 32), Image.Resampling.BICUBIC)
UNSAID, PREVIEW, PANORAMA, STEREO = 0, 0x010001, 0x020001, 0x020002
APPLE = b"<x:xmpmeta xmlns:apdi='http://ns.apple.com/pixeldatainfo/1.0/' apdi:AuxiliaryImageType="
APPLE += b"'urn:com:apple:photo:2020:aux:hdrgainmap'/>"
ADOBE = b"<x:xmpmeta xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:Version=\"1.0\"/>"
DEPTH = b"<x:xmpmeta xmlns:d='http://ns.apple.com/depthData/1.0/' d:Accuracy='relative'/>"


def phone_jpeg(path, picture, others, kind=UNSAID):
    """Writes a JPEG of several pictures; each other one is an image and the words of its XMP."""
    parts = []
    for image, words in ((picture, b""), *others):
        image.encoderinfo = {"quality": 90, "xmp": words} if words else {"quality": 90}
        parts.append(image)
    parts[0].save(path, format="MPO", save_all=True, append_images=parts[1:], quality=90)
    content = bytearray(path.read_bytes())
    first = re.search(
        rb"\0\0\x03\0.{4}\0{8}", content[content.index(b"MPF\0") :], re.DOTALL
    )  # its kind, size and place
    assert first is not None
    entries = content.index(b"MPF\0") + first.start()
    for number in range(1, len(parts)):
        content[entries + 16 * number : entries + 16 * number + 4] = kind.to_bytes(4, "little")
    path.write_bytes(content)
    return path


def first_of(picture):
    """The picture as its JPEG alone is read."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=90)
    return np.asarray(Image.open(stream).convert("RGB"))


@pytest.mark.parametrize("words", [APPLE, ADOBE, DEPTH], ids=["Apple", "Adobe", "depth"])
@pytest.mark.parametrize("size", [(40, 32), (80, 64)])
def test_a_gain_map_or_a_map_of_depth_is_left_out(words, size, tmp_path):
    path = phone_jpeg(tmp_path / "a.jpg", PICTURE, [(MAP.resize(size), words)])
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, first_of(PICTURE))
    assert image.notes == (("the largest of 2 pictures", 1),)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(as_rgb(opened), image.pixels)
        assert opened.tell() == 0
        assert additions_of(opened) == {1}


def test_adobes_mark_in_the_first_picture_makes_pillow_hide_the_map(tmp_path):
    first = PICTURE.copy()
    path = phone_jpeg(tmp_path / "a.jpg", first, [(MAP, ADOBE)])
    marked = b"http://ns.adobe.com/xap/1.0/\0" + ADOBE.replace(b"<x:xmpmeta", b"<x:xmpmeta ")
    content = path.read_bytes()
    place = content.index(b"\xff\xe2")
    segment = b"\xff\xe1" + (len(marked) + 2).to_bytes(2, "big") + marked
    path.write_bytes(content[:place] + segment + content[place:])
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, first_of(PICTURE))
    assert image.notes == (("the picture without its gain map", 1),)


def test_a_preview_is_left_out_though_it_has_black_bands(tmp_path):
    preview = Image.new("RGB", (40, 40))
    preview.paste(MAP.resize((40, 20)), (0, 10))
    path = phone_jpeg(tmp_path / "a.jpg", PICTURE, [(preview, b"")], PREVIEW)
    np.testing.assert_array_equal(read_image(path).pixels, first_of(PICTURE))


def test_a_list_of_pictures_that_are_no_longer_there_says_nothing(tmp_path):
    path = phone_jpeg(tmp_path / "a.jpg", PICTURE, [(MAP, APPLE)])
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\xff\xd9") + 2])
    np.testing.assert_array_equal(read_image(path).pixels, first_of(PICTURE))


@pytest.mark.parametrize("kind", [UNSAID, PANORAMA, STEREO])
def test_pictures_of_one_rank_are_refused(kind, tmp_path):
    path = phone_jpeg(tmp_path / "a.jpg", PICTURE, [(MAP.resize((80, 64)), b"")], kind)
    with pytest.raises(InputError, match=r"a\.jpg: is a stack of 2 pictures; store each picture as an image"):
        read_image(path)
    with Image.open(path) as opened, pytest.raises(InputError, match="image: is picture 1 of 2"):
        as_rgb(opened)


def test_a_gain_map_that_was_chosen_is_refused(tmp_path):
    path = phone_jpeg(tmp_path / "a.jpg", PICTURE, [(MAP, APPLE)])
    with Image.open(path) as opened:
        opened.seek(1)
        with pytest.raises(InputError, match="image: is picture 2 of 2"):
            as_rgb(opened)


def test_a_phones_jpeg_that_is_cut_short_within_its_first_picture_is_refused(tmp_path):
    path = phone_jpeg(tmp_path / "a.jpg", PICTURE, [(MAP, APPLE)])
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\xff\xd9") - 300])
    with pytest.raises(InputError, match=r"a\.jpg: "):
        read_image(path)


def test_damage_in_the_first_picture_is_seen_where_the_others_are_no_longer_there(tmp_path):
    path = phone_jpeg(tmp_path / "a.jpg", PICTURE, [(MAP, APPLE)])
    content = bytearray(path.read_bytes())
    end = content.index(b"\xff\xd9")
    content[end - 900 : end - 300] = bytes(600)
    path.write_bytes(content[: end + 2])
    with pytest.raises(InputError, match=r"a\.jpg: is damaged \(600 of its bytes are zeros\)"):
        read_image(path)


@pytest.mark.parametrize("words", [b"", APPLE])
def test_a_phones_jpeg_that_is_cut_short_within_a_later_pictures_head_is_refused(words, tmp_path):
    path = phone_jpeg(tmp_path / "a.jpg", PICTURE, [(MAP, words)])
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"\xff\xc0") - 40])
    with pytest.raises(InputError, match=r"a\.jpg: cannot be decoded"):
        read_image(path)


@pytest.mark.parametrize("kind", [UNSAID, STEREO])
def test_pictures_of_one_rank_in_a_file_that_is_closed_are_refused(kind, tmp_path):
    path = phone_jpeg(tmp_path / "a.jpg", PICTURE, [(MAP.resize((80, 64)), b"")], kind)
    with Image.open(path) as opened:
        opened.load()
    with pytest.raises(InputError, match="image: cannot be decoded"):
        as_rgb(opened)


def test_asking_for_additions_leaves_the_image_as_it_is(tmp_path):
    path = phone_jpeg(tmp_path / "a.jpg", PICTURE, [(MAP, APPLE)])
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\xff\xd9") + 2])
    with Image.open(path) as opened:
        before = (opened.tell(), opened.size, opened.offset, dict(opened.info))
        assert additions_of(opened) == {1}
        assert (opened.tell(), opened.size, opened.offset, dict(opened.info)) == before
        opened.load()
        assert additions_of(opened) == {1}
