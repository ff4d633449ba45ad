import inspect

import pytest

from mani_monai.apps.prepare import preparation_options
from mani_monai.apps.prepare.preparation_options import PreparationJob, PreparationOptions, preparation_command
from mani_monai.apps.prepare.windows import WindowGrid
from mani_monai.data.readers import Listing
from mani_monai.utils import InputError

LISTING = Listing("made", (), "none")


@preparation_command
def example(root: str, out: str = "data") -> PreparationJob:
    """Prepare an example.

    Args:
        root: where it is.
        out: where it goes.
    """
    return PreparationJob(LISTING, out, root)


def test_command_has_its_own_options_and_the_shared_ones(monkeypatch):
    jobs = []
    monkeypatch.setattr(preparation_options, "_do", jobs.append)
    example("r", seed=3, window=32)
    example("r", "o", True)
    job, by_place = jobs
    assert (job.name, job.out, job.listing) == ("r", "data", LISTING)
    assert job.options == PreparationOptions(seed=3, window=32)
    assert by_place.options.overwrite
    with pytest.raises(TypeError, match="organ"):
        example("r", organ="x")


def test_signature_and_help_are_what_fire_reads():
    shared = ["overwrite", "skip_bad", "accept_doubtful", "seed", "window", "step", "no_mirror"]
    assert list(inspect.signature(example).parameters) == ["root", "out", *shared]
    head, _, lines = inspect.getdoc(example).partition("Args:\n")
    assert head == "Prepare an example.\n\n"
    assert [line.split(":")[0].strip() for line in lines.splitlines() if line[4] != " "] == ["root", "out", *shared]
    assert "InputError" not in lines


@pytest.mark.parametrize(
    ("options", "windows"),
    [
        ({}, None),
        ({"window": 540, "step": 164}, WindowGrid(540, 164, mirror=True)),
        ({"window": 256}, WindowGrid(256, 256)),
        ({"window": 256, "step": 128, "no_mirror": True}, WindowGrid(256, 128, mirror=False)),
    ],
)
def test_windows(options, windows):
    assert PreparationOptions(**options).windows == windows


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"step": 80}, "--step: needs --window"),
        ({"no_mirror": True}, "--no_mirror: needs --window"),
        ({"window": 15}, "--window 15: no network takes less than 16 px"),
        ({"window": 32, "step": 33}, "--step 33: choose 1 to 32"),
        ({"window": 32, "step": 0}, "--step 0: choose 1 to 32"),
    ],
)
def test_options_that_cannot_be(options, fault):
    with pytest.raises(InputError, match=fault) as error:
        PreparationOptions(**options)
    assert "\n" not in str(error.value)
