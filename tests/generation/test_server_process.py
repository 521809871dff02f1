import signal
import subprocess
import sys
from pathlib import Path

import psutil

# Says that it is well, and starts a process of its own, as vLLM does.
SERVER = """
import subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Well(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
subprocess.Popen(["sleep", "600"])
HTTPServer(("127.0.0.1", int(sys.argv[2])), Well).serve_forever()
"""
POINT = """
import shlex, signal, sys, time
from pathlib import Path
from src.config.generation import Served
from src.generation.server_process import started
settings = Served(
    name="server", batch_tokens=1, url=None, command=f"{sys.executable} {sys.argv[1]} {{weights}} {{port}}",
    start_seconds=60, prompts="tokens", concurrency=1, timeout_seconds=1, retries=0, key_variable=None,
)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
with started(settings, Path("weights"), "float32", Path(sys.argv[1]).with_suffix(".log")) as url:
    print(url, flush=True)
    time.sleep(60)
"""


def running_point(tmp_path: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A process that has started a server, and all that is below it, the server first."""
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    command = [sys.executable, "-c", POINT, str(server)]
    root = Path(__file__).parents[2]
    point = subprocess.Popen(command, cwd=root, env={"PYTHONPATH": str(root)}, stdout=subprocess.PIPE, text=True)
    assert point.stdout and point.stdout.readline().startswith("http://127.0.0.1:")
    return point, psutil.Process(point.pid).children(recursive=True)


def test_the_server_and_what_it_started_end_with_a_point_that_is_told_to_end(tmp_path):
    point, below = running_point(tmp_path)
    assert len(below) == 2
    point.send_signal(signal.SIGTERM)
    assert point.wait(30) == 143
    assert psutil.wait_procs(below, 10)[1] == []


def test_a_point_that_is_killed_takes_the_server_with_it(tmp_path):
    point, below = running_point(tmp_path)
    point.kill()
    point.wait()
    server, other = below
    assert psutil.wait_procs([server], 10)[1] == []
    other.kill()  # vLLM's server tells what it started to end; this one does not
