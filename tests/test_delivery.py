"""What is run on other machines alone: the workflow and the Dockerfile name what is there."""

from __future__ import annotations

import fnmatch
import getpass
import inspect
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping

import pytest
import tomllib
import yaml
from bundle_files import REPOSITORY

from mani_monai.__main__ import COMMANDS, command

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
WORKFLOW = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "check.yml").read_text())


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def steps() -> Iterator[Mapping]:
    for job in WORKFLOW["jobs"].values():
        yield from job["steps"]


def scripts() -> list[str]:
    """What the workflow's steps give to a shell, line by line."""
    return [line.strip() for step in steps() for line in step.get("run", "").splitlines()]


def called(lines: list[str], program: str) -> list[list[str]]:
    """The words that follow a program's name, of every call."""
    calls = [re.search(rf"(?:^|&& ){re.escape(program)} ([^&]+)", line) for line in lines]
    return [shlex.split(call[1]) for call in calls if call]


def test_the_workflow_makes_what_the_makefile_has():
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.M)
    made = [name for words in called(scripts(), "make") for name in words]
    assert made
    assert set(made) <= set(targets)


def test_the_workflow_calls_what_the_program_has():
    calls = [*called(scripts(), "mani"), *called(scripts(), "python -m mani_monai")]
    assert {words[0] for words in calls} - {"--help"} <= COMMANDS.keys()
    for name, *words in calls:
        options = {word.removeprefix("--") for word in words if word.startswith("--")}
        assert name == "--help" or options <= set(inspect.signature(command(name)).parameters)


def test_the_workflow_names_files_that_are_there():
    named = [word for line in scripts() for word in re.findall(r"[\w/]+\.(?:py|txt|toml)\b", line)]
    assert named
    assert set(named) <= set(tracked())


def test_the_workflow_runs_every_python_that_the_package_takes():
    wheel = WORKFLOW["jobs"]["wheel"]["strategy"]["matrix"]["python"]
    (oldest,) = re.findall(r">=(3\.\d+)", PROJECT["requires-python"])
    (said,) = re.findall(r"takes Python (3\.\d+ to 3\.\d+)", " ".join((REPOSITORY / "README.md").read_text().split()))
    assert said == f"{wheel[0]} to {wheel[-1]}"
    assert [int(version.removeprefix("3.")) for version in wheel] == list(
        range(int(wheel[0].removeprefix("3.")), int(wheel[-1].removeprefix("3.")) + 1)
    )
    assert wheel[0] == oldest


@pytest.mark.parametrize("uses", sorted({step["uses"] for step in steps() if "uses" in step}))
def test_an_action_has_a_version_and_known_inputs(uses):
    inputs = {
        "actions/checkout": {"persist-credentials"},
        "actions/setup-python": {"python-version", "cache"},
        "actions/upload-artifact": {"name", "path"},
    }
    action, _, version = uses.partition("@")
    assert re.fullmatch(r"v\d+", version)
    assert all(step.get("with", {}).keys() <= inputs[action] for step in steps() if step.get("uses") == uses)


def test_the_image_runs_the_program_with_the_packages_own_bound_of_torch():
    (entry,) = re.findall(r'^ENTRYPOINT \["(\w+)"\]$', DOCKERFILE, re.M)
    assert entry in PROJECT["scripts"]
    (torch,) = re.findall(r'"(torch[^"]*)"', DOCKERFILE)
    assert torch in PROJECT["dependencies"]


def test_the_image_copies_what_an_earlier_stage_makes():
    stages = re.findall(r"^FROM \S+(?: AS (\w+))?$", DOCKERFILE, re.M)
    copied = re.findall(r"^COPY --from=(\w+) (\S+) ", DOCKERFILE, re.M)
    assert copied
    for stage, place in copied:
        assert stage in stages[:-1]
        assert f"--outdir {place}" in DOCKERFILE


def test_the_page_has_the_images_own_commands():
    head = re.match(r"(?:#.*\n)+", DOCKERFILE)[0]
    (block,) = re.findall(r"```bash\n(.*?)```", (REPOSITORY / "docs" / "docker.md").read_text(), re.S)
    assert block == "".join(re.findall(r"^#   (.*\n)", head, re.M))


def test_the_image_has_the_packages_for_slides():
    (extras,) = re.findall(r'pip install \S+ "\$\{wheel\}\[(\S+)\]"', DOCKERFILE)
    assert {"slides", "dicom"} <= set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_image_is_used_as_it_says():
    (example,) = re.findall(r"mani \\\n#\s+(.*)$", DOCKERFILE, re.M)
    name, *words = shlex.split(example)
    options = {word.removeprefix("--") for word in words if word.startswith("--")}
    assert options <= set(inspect.signature(command(name)).parameters)


def test_the_image_takes_a_user_whom_no_list_has(monkeypatch):
    """``docker run --user "$(id -u)"``: MONAI asks for the user's name as it is imported."""
    (settings,) = re.findall(r"^ENV (.*)$", DOCKERFILE, re.M)
    environment = dict(setting.split("=") for setting in settings.split())
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    with pytest.raises(KeyError):
        getpass.getuser()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert getpass.getuser() == environment["USER"]


def test_nothing_that_git_tracks_is_left_out_of_the_image():
    """A pattern of one word names what lies in the root; one with ``**/`` what lies in any folder."""
    for pattern in (REPOSITORY / ".dockerignore").read_text().split():
        name = pattern.removeprefix("**/")
        places = [path.split("/")[: None if name != pattern else 1] for path in tracked()]
        assert not [parts for parts in places if fnmatch.filter(parts, name)], pattern
