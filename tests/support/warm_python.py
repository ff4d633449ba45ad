"""Python processes that need not import MONAI anew: each is a fork of a process that did nothing else.

``import monai`` costs five seconds of the processor. The standard library's fork server pays them once a test process.
A forked process knows nothing of the test: it gets its own arguments, folder, environment and paths.
"""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

TESTS = Path(__file__).parents[1]
IMPORTED = ["torch", "ignite.engine", "monai.bundle", "skimage.measure", "scipy.ndimage"]
"""Packages of others alone, so that a process can still refuse to import this project."""


class WarmPython:
    """Starts what ``python`` would run with these words.

    Args:
        words: "-m" and a module, "-c" and code, or a script; then the arguments.
        cwd: folder of the process.
        env: its environment variables.

    Attributes:
        process: what runs.
    """

    def __init__(self, words: Sequence[str | Path], cwd: str | Path, env: Mapping[str, str]) -> None:
        self.words = [*map(str, words)]
        self._folder = TemporaryDirectory()
        self._streams = [Path(self._folder.name) / name for name in ("stdout", "stderr")]
        server = multiprocessing.get_context("forkserver")
        server.set_forkserver_preload(IMPORTED)
        told = (self.words, str(cwd), dict(env), [*map(str, self._streams)])
        self.process = server.Process(target=_become, args=told)
        self.process.start()

    def result(self, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Waits for its end.

        Raises:
            subprocess.TimeoutExpired: it did not end in so many seconds, and was killed.
        """
        with self._folder:
            self.process.join(timeout)
            if self.process.exitcode is None:
                self.process.kill()
                self.process.join()
                raise subprocess.TimeoutExpired(self.words, timeout)
            texts = [path.read_text() for path in self._streams]
            return subprocess.CompletedProcess(self.words, self.process.exitcode, *texts)


def run_python(
    words: Sequence[str | Path], cwd: str | Path, env: Mapping[str, str], timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Runs what ``python`` would run with these words, to its end; see :class:`WarmPython`."""
    return WarmPython(words, cwd, env).result(timeout)


def _become(words: list[str], cwd: str, env: dict[str, str], streams: list[str]) -> None:
    import torch

    gc.freeze()  # no search for garbage goes through what the server imported
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a server in the background ignores it
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    torch.set_num_threads(int(env.get("OMP_NUM_THREADS", torch.get_num_threads())))
    multiprocessing.set_start_method(None, force=True)
    own = {str(TESTS.parent), str(TESTS), *map(str, TESTS.glob("*/"))}
    paths = [path for path in sys.path if path and path not in own]
    sys.path[:] = [*filter(None, env.get("PYTHONPATH", "").split(os.pathsep)), *paths]
    status = _run(words)
    atexit._run_exitfuncs()
    sys.exit(status)


def _run(words: list[str]) -> int:
    """Does as the interpreter does, and gives the exit status."""
    try:
        if words[0] == "-m":
            sys.path.insert(0, os.getcwd())
            sys.argv[:] = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        elif words[0] == "-c":
            sys.path.insert(0, "")
            sys.argv[:] = ["-c", *words[2:]]
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(words[1], "<string>", "exec"), main.__dict__)
        else:
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
            sys.argv[:] = words
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0
