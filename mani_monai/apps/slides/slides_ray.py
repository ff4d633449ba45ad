"""Slides on Ray: an actor a device, which holds the model and does one part of the shards after another."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mani_monai.apps.slides.slide_result import last_line, reason_of
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.model import Model
from mani_monai.utils import InputError
from mani_monai.utils.library_words import quiet_decoders

TRIES = 3  # of an actor that dies; done shards stay done
ANSWER = 10.0  # seconds that a cluster has to answer
DEFAULTS = {"include_dashboard": False, "log_to_driver": False}
_PATHS = ("bundle", "slides", "out", "tissue", "roi")


class ShardActor:
    """Does parts of the shards on one device.

    Args:
        options: of :func:`run_slides`, but for ``shard`` and ``progress``.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        bundle, device, precision = options["bundle"], options.get("device"), options.get("precision", "auto")
        model = bundle if isinstance(bundle, Model) else Model.open(bundle, device, precision)
        self._options = {**options, "bundle": model}

    def run(self, shard: str) -> str:
        """Does a part of the shards, and says how it ended."""
        with quiet_decoders:
            return last_line(run_slides(**self._options, shard=shard, progress=False))


def run_parts(options: Mapping[str, Any], shards: Sequence[str], parameters: Mapping[str, Any] | None) -> list[str]:
    """Runs parts of the work on all GPUs of a Ray cluster, or on as many processors where there is none.

    An actor that dies is started again, and does what is missing of its part.

    Args:
        options: of :func:`run_slides`, but for ``shard`` and ``progress``.
        shards: the parts, "i/n" each.
        parameters: of ``ray.init``; a Ray of this machine by default.

    Returns:
        a line for each part that failed.

    Raises:
        InputError: without Ray, or where no cluster answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    try:
        import ray  # pyright: ignore[reportMissingImports]: an extra
        from ray.util import ActorPool  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError('--cluster ray: needs a package: pip install "mani-monai[ray]".') from error
    check_answers(*address_of(parameters or {}))
    try:
        ray.init(**{**DEFAULTS, **dict(parameters or {})})
    except SystemExit as error:  # Ray's own end where no cluster answers
        raise InputError("--cluster ray: no Ray answers at that address; look at --cluster_options.") from error
    except (RuntimeError, TypeError, ValueError, OSError) as error:
        raise InputError(f"--cluster ray: {(str(error).splitlines() or [type(error).__name__])[0]}.") from error
    try:
        found = ray.cluster_resources()
        device = "GPU" if found.get("GPU") else "CPU"
        needs = {"num_gpus": 1} if device == "GPU" else {"num_cpus": 1}
        actor = ray.remote(ShardActor).options(**needs, max_restarts=TRIES, max_task_retries=TRIES)
        count = max(min(len(shards), int(found.get(device, 1))), 1)
        pool = ActorPool([actor.remote(_absolute(options)) for _ in range(count)])
        for shard in shards:
            pool.submit(lambda each, part: each.run.remote(part), shard)
        return [line for shard in shards if (line := _failure(pool, shard))]
    finally:
        ray.shutdown()


def address_of(parameters: Mapping[str, Any]) -> tuple[str, str]:
    """The address at which Ray will look for a cluster, and where it is named.

    Args:
        parameters: of ``ray.init``, which looks into ``RAY_ADDRESS`` where they name none, or "auto".
    """
    named = str(parameters.get("address") or "")
    if named in ("", "auto") and (other := os.environ.get("RAY_ADDRESS")):
        return other, "RAY_ADDRESS"
    return named, "--cluster_options"


def check_answers(address: str, named: str = "--cluster_options") -> None:
    """Refuses an address where nothing listens, at which Ray itself tries for twenty minutes.

    Args:
        address: of ``ray.init``; one without a port, such as "auto", is Ray's to look up.
        named: where the address is named, for the remedy.

    Raises:
        InputError: where nothing listens.
    """
    try:
        place = urlsplit(address if "://" in address else f"ray://{address}")
        host, port = place.hostname, place.port
    except ValueError as error:
        wanted = f"write host:port in {named}"
        raise InputError(f"--cluster ray: the address {address} is none ({error}); {wanted}.") from error
    if not host or not port:
        return
    try:
        socket.create_connection((host, port), ANSWER).close()
    except OSError as error:
        remedy = f"start Ray there, or correct the address in {named}"
        reason = error.strerror or str(error)
        raise InputError(f"--cluster ray: nothing answers at {address} ({reason}); {remedy}.") from error


def _failure(pool: Any, shard: str) -> str:
    """Why the next part failed; empty where it did not."""
    try:
        pool.get_next()
    except Exception as error:  # of Ray, or what the actor raised
        return f"job {shard}: failed ({reason_of(error)}); its log is in Ray's folder of this session."
    return ""


def _absolute(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options whose paths are the same from any folder."""
    paths = {name: options[name] for name in _PATHS if isinstance(options.get(name), (str, Path))}
    return {**options, **{name: str(Path(path).resolve()) for name, path in paths.items() if Path(path).exists()}}
