"""A real MONAI Label server for a test: started as a user starts it, spoken to over HTTP, and stopped for sure."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bundle_files import REPOSITORY
from PIL import Image

START, STOP, WORK = 300, 20, 900  # seconds
PR_SET_PDEATHSIG = 1
ROUNDED = 2e-4  # of a mask's pixels


@dataclass(frozen=True)
class Answer:
    """Status, content type and body of an HTTP answer."""

    status: int
    kind: str
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class LabelServer:
    """A running server."""

    url: str
    process: subprocess.Popen
    log: Path

    def ask(self, method: str, path: str, body: Any = None, form: dict[str, Any] | None = None, **query: str) -> Answer:
        """Sends a request.

        Args:
            method: GET, POST, PUT, ...
            path: with a slash before it.
            body: becomes JSON; bytes go as they are.
            form: fields of a form; a path is a file's.
            query: follow the question mark.
        """
        address = f"{self.url}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers, data = {}, None
        if form is not None:
            headers["Content-Type"], data = encoded(form)
        elif body is not None:
            headers["Content-Type"] = "application/json"
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(address, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=WORK) as answer:
                return Answer(answer.status, answer.headers.get_content_type(), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers.get_content_type(), error.read())

    def train(self, model: str, **options: Any) -> dict[str, Any]:
        """Trains to the end and gives the task."""
        started = self.ask("POST", f"/train/{model}", options)
        assert started.status == 200, started.body
        end = time.monotonic() + WORK
        while time.monotonic() < end:
            task = self.ask("GET", "/train/").json()
            if task["status"] not in ("SUBMITTED", "RUNNING"):
                return task
            time.sleep(1)
        raise AssertionError(f"{model} did not end in {WORK} s:\n{self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def pixels_of(images: Path, name: str) -> np.ndarray:
    """An image of the datastore."""
    return np.asarray(Image.open(images / f"{name}.png"))


def check_alike(mask: np.ndarray, expected: np.ndarray) -> None:
    """Masks are the same but for rounding: a U-Net is asked in blocks, and pixels whose logits are equal may turn."""
    assert mask.shape == expected.shape
    assert ((mask > 0) != (expected > 0)).mean() <= ROUNDED


def detail(answer: Answer) -> str:
    """The one line of an answer that says no."""
    line = answer.json()["detail"]
    assert isinstance(line, str)
    assert "\n" not in line
    return line


def encoded(form: dict[str, Any]) -> tuple[str, bytes]:
    """A multipart form's content type and body."""
    boundary, parts = uuid.uuid4().hex, []
    for name, value in form.items():
        is_file = isinstance(value, Path)
        file = f'; filename="{value.name}"' if is_file else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts.append(head.encode() + (value.read_bytes() if is_file else str(value).encode()) + b"\r\n")
    return f"multipart/form-data; boundary={boundary}", b"".join(parts) + f"--{boundary}--\r\n".encode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def label_server(bundles: Path, images: Path, log: Path) -> Iterator[LabelServer]:
    """Starts a server on a free port, waits until it answers, and ends it with all it started, whatever happens."""
    port = free_port()
    script = REPOSITORY / "scripts" / "start_label_server.py"
    command = [sys.executable, str(script), "--bundles", str(bundles), "--images", str(images), "--port", str(port)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MONAI_LABEL_SESSION_PATH": str(log.parent / "sessions")}
    with open(log, "w") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=log.parent,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    server = LabelServer(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait(server)
        yield server
    finally:
        _stop(process)


def _end_with_parent() -> None:
    """Asks the kernel to end this process should the tests be killed, when nothing of theirs runs any more."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait(server: LabelServer) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end:
        assert server.process.poll() is None, f"the server ended with {server.process.returncode}:\n{server.tail()}"
        try:
            if server.ask("GET", "/info/").status == 200:
                return
        except urllib.error.URLError:
            time.sleep(0.5)
    raise AssertionError(f"the server did not answer in {START} s:\n{server.tail()}")


def _stop(process: subprocess.Popen) -> None:
    for signal_, seconds in ((signal.SIGTERM, STOP), (signal.SIGKILL, STOP)):
        try:
            os.killpg(process.pid, signal_)
        except ProcessLookupError:
            break
        try:
            process.wait(seconds)
            break
        except subprocess.TimeoutExpired:
            continue
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what it started
    process.wait(STOP)
