"""A real Redis server for the tests."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path


class RedisServer:
    """A real server on a loopback port and a Unix socket, keeping nothing on disk."""

    def __init__(self, directory: Path, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        path = directory / "redis.sock"
        self.url = f"redis://127.0.0.1:{port}/0"
        self.unix_url = f"unix://{path}"
        self.unix_path = str(path)
        settings = ["--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(path)]
        self.process = subprocess.Popen(
            ["redis-server", *settings, "--save", "", "--dir", str(directory), *options],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self.process.poll() is None, "redis-server ended at once"
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.unix_path)  # it listens here last
        except OSError:
            return False
        return True

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
