"""Which images are done: a record of each, written after all of its outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mani_monai.utils.folders import file_hash
from mani_monai.utils.json_files import save_json

FOLDER = "records"
FORM = 2  # raise it when the same weights would give other outputs


@dataclass(frozen=True)
class Record:
    """What was written of an image.

    Attributes:
        key: what the outputs follow from: image, weights, settings.
        outputs: SHA-256 of each file by its name.
        result: the image's line in the summary.
        source: the image's path; empty in records that do not hold it.
    """

    key: Mapping[str, Any]
    outputs: Mapping[str, str]
    result: Mapping[str, Any]
    source: str = ""

    def is_of_another(self, key: Mapping[str, Any], path: Path) -> bool:
        """Whether it tells of another image, elsewhere, than the one of this key and path."""
        return self.key.get("image") != key["image"] and self.source not in ("", str(path.resolve()))


def record_path(out: Path, image: str) -> Path:
    """Where the record of an image lies."""
    return out / FOLDER / f"{image}.json"


def read_record(out: Path, image: str) -> Record | None:
    """Reads the record of an image; None where there is none that can be read."""
    try:
        content = json.loads(record_path(out, image).read_text(encoding="utf-8"))
        parts = (dict(content[part]) for part in ("key", "outputs", "result"))
        return Record(*parts, str(content.get("source", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(out: Path, image: str, record: Record) -> None:
    """Writes the record of an image whose outputs are there.

    Raises:
        InputError: when it cannot be written.
    """
    content = {"key": record.key, "outputs": record.outputs, "result": record.result, "source": record.source}
    save_json(record_path(out, image), content)


def is_done(record: Record | None, key: Mapping[str, Any], out: Path, names: Sequence[str]) -> bool:
    """Whether outputs of the very same image, weights and settings are there, whole.

    Args:
        record: of the image.
        key: as it has to be.
        out: the folder of the outputs.
        names: the files that are wanted.
    """
    if record is None or record.key != key:
        return False
    return all(
        name in record.outputs and (out / name).is_file() and file_hash(out / name) == record.outputs[name]
        for name in names
    )


def begin(record: Record | None, key: Mapping[str, Any], out: Path, image: str) -> dict[str, str]:
    """Takes away an image's record before its outputs are written anew, and outputs of another image or weights.

    Returns:
        outputs of the same key, which stay.
    """
    record_path(out, image).unlink(missing_ok=True)
    if record is None or record.key == key:
        return {} if record is None else dict(record.outputs)
    for name in record.outputs:
        if Path(name).name == name:  # a record is a file that anybody may have written
            (out / name).unlink(missing_ok=True)
    return {}
