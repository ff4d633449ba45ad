"""Shards of a slide on disk: each is there whole or not at all, under a key of all that it follows from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mani_monai.apps.slides.tile_quality import TileQuality
from mani_monai.utils import InputError
from mani_monai.utils.folders import replacing
from mani_monai.utils.json_files import read_object, save_json

FORM = 8
"""Counted up whenever other shards would come of the same key."""
COMPRESSION = "zstd"
_UNREAD, _TILES = b"unread", b"tiles"


@dataclass(frozen=True)
class Shard:
    """What came of the tiles of a shard.

    Attributes:
        nuclei: rows of the slide's table.
        unread: what could not be read, a line a tile.
        tiles: what was measured of the others.
    """

    nuclei: pa.Table
    unread: Sequence[str] = ()
    tiles: Sequence[TileQuality] = ()


@dataclass(frozen=True)
class ShardStore:
    """A folder of shards.

    Attributes:
        folder: of a key.
        key: SHA-256 of the facts.
        shards: numbers of all shards, in order.
    """

    folder: Path
    key: str
    shards: Sequence[int]

    @classmethod
    def open(cls, folder: Path, facts: Mapping[str, Any], shards: Sequence[int]) -> ShardStore:
        """Opens the store of some facts and writes its manifest where there is none.

        Another model, slide or setting has another key, hence a folder of its own.

        Args:
            folder: holds stores.
            facts: all that the nuclei follow from, for JSON.
            shards: numbers of all shards, in order.

        Raises:
            InputError: when the folder cannot be written, or holds a manifest of other facts.
        """
        facts = json.loads(json.dumps({"form": FORM, **facts}, allow_nan=False))
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        manifest = folder / key[:16] / "manifest.json"
        content = {"key": key, "shards": list(shards), **facts}
        written = read_object(manifest, f"remove the folder {manifest.parent}")
        if not written:
            save_json(manifest, content)
        elif written != content:
            raise InputError(f"{manifest}: is of another model, slide or setting; remove the folder.")
        return cls(manifest.parent, key, list(shards))

    def path(self, shard: int) -> Path:
        """A shard's file."""
        return self.folder / f"shard_{shard:06d}.parquet"

    def has(self, shard: int) -> bool:
        """Whether a shard is done."""
        return self.path(shard).is_file()

    @property
    def open_shards(self) -> list[int]:
        """Shards that are not done."""
        return [shard for shard in self.shards if not self.has(shard)]

    def write(self, number: int, shard: Shard) -> None:
        """Writes a shard beside its place and then renames it.

        Args:
            number: of the shard.
            shard: what came of it.

        Raises:
            InputError: when it cannot be written.
        """
        facts = {_UNREAD: list(shard.unread), _TILES: [asdict(tile) for tile in shard.tiles]}
        metadata = {name: json.dumps(value).encode() for name, value in facts.items()}
        metadata = {**(shard.nuclei.schema.metadata or {}), **metadata}
        with replacing(self.path(number)) as partial:
            pq.write_table(shard.nuclei.replace_schema_metadata(metadata), partial, compression=COMPRESSION)

    def read(self, number: int) -> Shard:
        """A shard that is done.

        Raises:
            InputError: when the file is damaged or gone.
        """
        path = self.path(number)
        try:
            nuclei = pq.read_table(path, partitioning=None)  # pyright: ignore[reportArgumentType]: None is documented, the stubs lack it
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0][:200]}); remove it.") from error
        metadata = dict(nuclei.schema.metadata or {})
        unread, tiles = (json.loads(metadata.pop(name, b"[]")) for name in (_UNREAD, _TILES))
        return Shard(nuclei.replace_schema_metadata(metadata), unread, [TileQuality(**tile) for tile in tiles])
