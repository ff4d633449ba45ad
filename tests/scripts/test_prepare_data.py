import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from warm_python import run_python

from mani_monai.apps.prepare.prepare_command import COMMANDS
from mani_monai.data.datalists import load_target_list
from mani_monai.utils.command_line import run_command

SCRIPT = Path(__file__).parents[2] / "scripts" / "prepare_data.py"
HEIGHT, WIDTH = 20, 32


@pytest.fixture(scope="module")
def main():
    return lambda arguments: run_command(COMMANDS, arguments, "mani prepare")


def draw():
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[3:9, 4:10] = mask[12:17, 20:30] = 255
    image = np.where(mask[..., None] > 0, (90, 60, 150), (230, 170, 200)).astype(np.uint8)
    return image, mask


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def make_tnbc(root):
    image, mask = draw()
    for slide in ("01", "02", "03"):
        save(root / f"Slide_{slide}" / f"{slide}_1.png", np.dstack([image, mask]))
        save(root / f"GT_{slide}" / f"{slide}_1.png", mask)
    return ["tnbc", "--root", str(root)]


def make_kirc(root):
    image, mask = draw()
    for part in ("train", "validation", "test"):
        save(root / f"{part}_images" / f"{part}_0_0_image.tiff", image)
        save(root / f"{part}_masks" / f"{part}_0_0_mask.png", mask // 255)
    return ["kirc", "--root", str(root)]


def make_tcia(root):
    image, mask = draw()
    for number in (1080, 1081, 1082):
        save(root / f"{number}_crop.png", image)
        save(root / f"{number}_labeled_mask_corrected.png", mask.astype(np.uint16) * 2)
    return ["tcia", "--root", str(root), "--ids", "1080-1082"]


def make_monuseg(root):
    corners = "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in ((5, 4), (11, 4), (11, 10), (5, 10)))
    for patient in ("B0-5698", "B0-5710", "HE-7128"):
        name = f"TCGA-{patient}-01Z-00-DX1"
        save(root / "Tissue Images" / f"{name}.tif", draw()[0])
        (root / "Annotations").mkdir(exist_ok=True)
        (root / "Annotations" / f"{name}.xml").write_text(f"<A><Region><Vertices>{corners}</Vertices></Region></A>")
    return ["monuseg", "--root", str(root), "--organ", "kidney"]


def make_consep(root):
    image, mask = draw()
    for part, name in (("Train", "train_1"), ("Train", "train_2"), ("Test", "test_1")):
        save(root / part / "Images" / f"{name}.png", image)
        (root / part / "Labels").mkdir(exist_ok=True)
        savemat(root / part / "Labels" / f"{name}.mat", {"inst_map": mask.astype(np.int32) * 9})
    return ["consep", "--root", str(root)]


def make_pannuke(root):
    image, mask = draw()
    channels = np.stack([mask * 0, mask, *[mask * 0] * 3, mask == 0], axis=-1)
    for fold in (1, 2, 3):
        for part, files in (("images", {"images": image, "types": np.array("Colon")}), ("masks", {"masks": channels})):
            folder = root / f"Fold {fold}" / part / f"fold{fold}"
            folder.mkdir(parents=True)
            for name, array in files.items():
                np.save(folder / f"{name}.npy", array[None].astype(float) if name != "types" else array[None])
    return ["pannuke", "--root", str(root)]


def make_folder(root):
    image, mask = draw()
    for name in "abc":
        save(root / "images" / f"{name}.png", image)
        save(root / "masks" / f"{name}_mask.png", mask)
    return ["folder", "--images", str(root / "images"), "--masks", str(root / "masks"), "--name", "own"]


@pytest.mark.parametrize(
    ("make", "name", "nuclei"),
    [
        (make_tnbc, "tnbc", 6),
        (make_kirc, "kirc", 6),
        (make_tcia, "tcia", 3),  # one id in two pieces is one nucleus
        (make_monuseg, "monuseg_kidney", 3),
        (make_consep, "consep", 3),
        (make_pannuke, "pannuke", 3),
        (make_folder, "own", 6),
    ],
)
def test_every_native_layout(main, tmp_path, capsys, make, name, nuclei):
    main([*make(tmp_path / "raw"), "--out", str(tmp_path / "data")])
    table = capsys.readouterr().out
    assert "images       3\n" in table
    assert f"nuclei       {nuclei};" in table
    assert f"written      {tmp_path / 'data' / name}" in table
    folder = tmp_path / "data" / name
    assert json.loads((folder / "dataset.json").read_text())["counts"]["images"] == 3
    assert len(list(folder.glob("*_split_*.json"))) == 10
    label = np.asarray(Image.open(next((folder / "labels").iterdir())))
    assert label.shape == (HEIGHT, WIDTH)
    assert label.dtype == np.uint16


def test_pannuke_keeps_tissues_types_and_folds(main, tmp_path, capsys):
    main([*make_pannuke(tmp_path / "raw"), "--out", str(tmp_path / "data")])
    table = capsys.readouterr().out
    assert "types        neoplastic 0, inflammatory 3, connective 0, dead 0, epithelial 0 (nuclei)" in table
    assert "tissues      Colon 3 (images)" in table
    (item,) = load_target_list(tmp_path / "data", "pannuke", "native", "test")
    assert item["image"].endswith("fold3_0000.png")
    assert item["tissue"] == "Colon"
    assert np.unique(np.asarray(Image.open(item["types"]))).tolist() == [0, 2]
    assert load_target_list(tmp_path / "data", "pannuke", "native")[0].keys() == {"image"}


@pytest.mark.parametrize(
    "make", [make_tnbc, make_kirc, make_tcia, make_monuseg, make_consep, make_pannuke, make_folder]
)
def test_every_command_cuts_windows(main, tmp_path, capsys, make):
    command = [*make(tmp_path / "raw"), "--out", str(tmp_path / "data")]
    main([*command, "--window", "16", "--step", "8"])
    assert "windows      36 of 16x16 at step 8, mirrored" in capsys.readouterr().out  # 3 x 4 of each
    main([*command, "--window", "16", "--no_mirror", "--overwrite"])
    assert "windows      12 of 16x16 at step 16, inside the borders" in capsys.readouterr().out
    (folder,) = (tmp_path / "data").iterdir()
    assert {Image.open(path).size for path in (folder / "labels").iterdir()} == {(16, 16)}


def test_windows_larger_than_the_images(main, tmp_path, capsys):
    with pytest.raises(SystemExit, match=r"tnbc: not written, see above; mend the 3"):
        main([*make_tnbc(tmp_path / "raw"), "--out", str(tmp_path / "data"), "--window", "21", "--no_mirror"])
    assert "01_1.png: 01_1 is 20x32 (height x width), smaller than 21; choose a smaller" in capsys.readouterr().out


def test_consep_types(main, tmp_path, capsys):
    command = [*make_consep(tmp_path / "raw"), "--out", str(tmp_path / "data")]
    for path in (tmp_path / "raw").rglob("*.mat"):
        savemat(path, {"inst_map": draw()[1], "type_map": draw()[1] // 255 * 7})
    main([*command, "--merge_types"])
    assert "types        other 0, inflammatory 0, epithelial 0, spindle-shaped 3" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="--merge_types false: takes no value"):
        main([*command, "--merge_types", "false"])
    for path in (tmp_path / "raw").rglob("*.mat"):
        savemat(path, {"inst_map": draw()[1], "type_map": draw()[1] // 255 * 4})
    with pytest.raises(SystemExit, match="they are merged already; leave --merge_types out"):
        main([*command, "--merge_types", "--overwrite"])


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (["--overwite"], "--overwite: no such option of mani prepare tnbc; did you mean --overwrite?"),
        (["--organ", "kidney"], "--organ: no such option of mani prepare tnbc; mani prepare tnbc --help names them."),
        (["surplus", "--x", "1"], "--x: no such option of mani prepare tnbc; mani prepare tnbc --help names them."),
    ],
)
def test_unknown_argument_fails_before_anything_is_done(main, tmp_path, wrong, line):
    with pytest.raises(SystemExit) as error:  # not even the root is looked at
        main(["tnbc", "--root", str(tmp_path / "gone"), "--out", str(tmp_path / "data"), *wrong])
    assert error.value.code == line


def test_names_and_lists_stay_as_they_were_typed(main, tmp_path, capsys):
    command = [*make_tcia(tmp_path / "raw")[:-1], "1080,1081-1082", "--out", str(tmp_path / "data"), "--name", "1e3"]
    main(command)
    assert f"written      {tmp_path / 'data' / '1e3'}" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="lung"):
        main([*make_monuseg(tmp_path / "more")[:-1], "kidney, lung"])


@pytest.mark.parametrize(
    ("flag", "fault"),
    [
        ("--overwrite false", "--overwrite false: takes no value"),
        ("--skip_bad 1", "--skip_bad 1: takes no value"),
        ("--window 16 --no_mirror yes", "--no_mirror yes: takes no value"),
        ("--seed x", "--seed x: is no whole number"),
        ("--seed None", "--seed None: is no whole number"),
        ("--window", "--window True: is no whole number"),
        ("--window 16 --step 1.5", "--step 1.5: is no whole number"),
        ("--step 9", "--step: needs --window"),
    ],
)
def test_flag_that_cannot_be(main, tmp_path, flag, fault):
    with pytest.raises(SystemExit, match=fault) as error:
        main([*make_tnbc(tmp_path / "raw"), "--out", str(tmp_path / "data"), *flag.split()])
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data").exists()


def test_failures_are_listed_and_nothing_is_written(main, tmp_path, capsys):
    command = [*make_tnbc(tmp_path / "raw"), "--out", str(tmp_path / "data")]
    (tmp_path / "raw" / "GT_02" / "02_1.png").unlink()
    with pytest.raises(SystemExit, match=r"tnbc: not written, see above; mend the 1 or pass --skip_bad"):
        main(command)
    assert "02_1.png: has no mask" in capsys.readouterr().out
    assert not (tmp_path / "data" / "tnbc").exists()
    with pytest.raises(SystemExit, match=r"tnbc: written without what failed above \(1\)"):
        main([*command, "--skip_bad"])
    assert len(list((tmp_path / "data" / "tnbc" / "images").iterdir())) == 2


def test_process_ends_with_one_line_and_status_1(tmp_path, command_environment):
    words = [SCRIPT, "tnbc", "--root", tmp_path / "gone", "--out", tmp_path / "data"]
    done = run_python(words, tmp_path, command_environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"{tmp_path / 'gone'}: does not exist; name the folder that holds TNBC_NucleiSegmentation.\n"


def test_help_names_every_command_and_option(main, capsys):
    with pytest.raises(SystemExit) as error:
        main(["--help"])
    assert error.value.code == 0
    text = "".join(capsys.readouterr())
    assert all(command in text for command in ("tnbc", "kirc", "tcia", "monuseg", "consep", "pannuke", "folder"))
    with pytest.raises(SystemExit):
        main(["monuseg", "--help"])
    text = "".join(capsys.readouterr())
    flags = ("out", "organ", "overwrite", "skip_bad", "seed", "window", "step", "no_mirror")
    assert all(f"--{flag}" in text for flag in flags)
    assert "as for HoVer-Net" in text
    assert "the exit status is 1 either way" in text
