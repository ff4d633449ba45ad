"""An actor of Ray whose process ends once, when it has done one shard of several."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from mani_monai.apps.slides.shard_store import Shard, ShardStore
from mani_monai.apps.slides.slides_ray import ShardActor

PART = "1/"


class DyingActor(ShardActor):
    """Kills itself at the second shard of the second part; started again, it goes on."""

    def run(self, shard: str) -> str:
        """Does a part of the shards."""
        mark = Path(str(self._options["out"])).with_name("died")
        if not shard.startswith(PART) or mark.exists():
            return super().run(shard)
        genuine, written = ShardStore.write, []

        def write(store: ShardStore, number: int, content: Shard) -> None:
            if written:
                mark.write_text("")
                os.kill(os.getpid(), signal.SIGKILL)
            written.append(number)
            genuine(store, number, content)

        ShardStore.write = write  # type: ignore[method-assign]
        return super().run(shard)
