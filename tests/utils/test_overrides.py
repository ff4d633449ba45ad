"""Mistyped options of a bundle's command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from warm_python import run_python

from mani_monai.utils import InputError
from mani_monai.utils.overrides import check_overrides

CONFIGS = Path(__file__).parents[2] / "bundles" / "mani_unet" / "configs"
TRAIN, QUICK = f"{CONFIGS}/train.json", f"{CONFIGS}/budgets/quick.json"
RUN = ["run", "--config_file", TRAIN]


@pytest.mark.parametrize(
    "arguments",
    [
        RUN,
        ["run", f"--config_file={TRAIN}"],
        ["run", "--config_file", f"['{TRAIN}','{QUICK}']", "--iterations", "5"],
        ["run", "--config_file", f"{TRAIN},{QUICK}", "--seed=3"],
        [*RUN, "--train::trainer::max_epochs", "1"],
        [*RUN, "--train#trainer#max_epochs", "1"],
        [*RUN, "--source", "tnbc", "--target=tcia", "--resume", "true"],
        [*RUN, "--resume", "False", "--channels_last=True", "--source", "false"],
        [*RUN, "--run_id", "run", "--meta_file", "metadata.json", "--logging_file", "logging.conf"],
        [*RUN, "--", "--help"],
        ["run", "--iteration", "5"],
        ["ckpt_export", "--filepath", "model.ts"],
        [],
    ],
)
def test_known_options_pass(arguments):
    check_overrides(arguments)


@pytest.mark.parametrize(
    ("option", "near"),
    [
        (["--max_epoch", "1"], ""),
        (["--iteration", "5"], "did you mean --iterations?"),
        (["--iteration=5"], "did you mean --iterations?"),
        (["--sourse=x"], "did you mean --source?"),
        (["--outputdir", "here"], "did you mean --output_dir?"),
        (["--train::trainer::max_epoch", "1"], ""),
        (["--qqqq", "1"], "known ones: "),
    ],
)
@pytest.mark.parametrize("files", [TRAIN, f"['{TRAIN}','{QUICK}']"])
def test_unknown_options_are_named_with_the_nearest(files, option, near):
    with pytest.raises(InputError) as refused:
        check_overrides(["run", "--config_file", files, *option])
    message = str(refused.value)
    assert message.startswith(f"{option[0].partition('=')[0]}: no such option in ")
    assert near in message
    assert "\n" not in message


@pytest.mark.parametrize("option", [["--resume", "false"], ["--channels_last=false"]])
def test_a_lower_case_false_is_refused(option):
    """It would arrive as text, and switch on what it was to switch off."""
    name = option[0].partition("=")[0]
    with pytest.raises(InputError, match=f"{name} false: is a switch; write it with a capital, .* or {name} False"):
        check_overrides([*RUN, *option])


def test_another_programs_command_line_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pytest", *RUN, "--max_epoch", "1"])
    check_overrides()


def test_a_real_run_ends_in_one_line(command_environment, tmp_path):
    words = ["-m", "monai.bundle", *RUN, "--iteration", "5", "--output_dir", tmp_path / "run"]
    done = run_python(words, tmp_path, command_environment)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert "--iteration: no such option" in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].endswith("did you mean --iterations?")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("switch", ["no", "off", "FALSE", "0"])
def test_a_switch_takes_nothing_that_would_count_as_true(switch):
    with pytest.raises(InputError, match=f"--resume {switch}: is a switch"):
        check_overrides([*RUN, "--resume", switch])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--source", "2018"], "--source 2018: is read as the number 2018; write it as --source \"'2018'\"."),
        (["--target=1e3"], "--target 1e3: is read as the number 1000.0; write it as --target \"'1e3'\"."),
        (["--output_dir", "7"], "--output_dir 7: is read as the number 7; write it as --output_dir \"'7'\"."),
    ],
)
def test_a_name_that_is_read_as_a_number_is_refused(option, said):
    with pytest.raises(InputError) as refused:
        check_overrides([*RUN, *option])
    assert str(refused.value) == said


@pytest.mark.parametrize(
    "option", [["--source", "'2018'"], ["--iterations", "5"], ["--network_def::norm", "['GROUP', {'num_groups': 4}]"]]
)
def test_other_kinds_pass_where_they_are_meant(option):
    check_overrides([*RUN, *option])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--iterations", "0"], "--iterations 0: is no number from 1 on."),
        (["--iterations", "abc"], "--iterations abc: is no number from 1 on."),
        (["--batch_size=2.5"], "--batch_size 2.5: is no whole number."),
        (["--learning_rate", "-1e-3"], "--learning_rate -1e-3: is no number from 0.0 on."),
        (["--warmup", "-1"], "--warmup -1: is no number from 0 on."),
    ],
)
def test_numbers_out_of_their_range_are_refused(option, said):
    with pytest.raises(InputError) as refused:
        check_overrides([*RUN, *option])
    assert str(refused.value) == said


@pytest.mark.parametrize("option", [["--warmup", "0"], ["--warmup", "$@iterations // 2"], ["--learning_rate", "0.1"]])
def test_numbers_in_their_range_pass(option):
    check_overrides([*RUN, *option])
