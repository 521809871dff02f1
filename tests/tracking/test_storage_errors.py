"""Disks that are really full or read-only: a mount of a few megabytes inside bubblewrap."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from src.errors import FathomError
from src.tracking.storage_errors import storing

REPOSITORY = Path(__file__).parents[2]
ROOM = "9000000"  # bytes: the database and its log fit in

FILL = """
import json, sys
from pathlib import Path
from src.errors import FathomError
from src.tracking.runs import claim
from src.tracking.store import open_store

root, ballast = Path(sys.argv[1]), Path(sys.argv[1], "ballast")
(root / "mlflow.db").write_bytes(Path(sys.argv[2]).read_bytes())
store = open_store(None, root, flush_seconds=60)
seen = []

def work(fill, room=False):
    try:
        with claim(store, key="k", kind="finetune", name="p", study="s") as run:
            seen.append([run.id, run.resumed, run.last_failure])
            if fill:
                with ballast.open("wb", buffering=0) as file:
                    while True:
                        try:
                            file.write(b"x" * 1000)
                        except OSError:
                            break
            try:
                for step in range(10):
                    run.log_metrics({f"m/{i}": 1.0 for i in range(100)}, step)
                run.log_table("predictions", [{"completion": "x" * 10_000}])
            finally:
                if room:
                    ballast.unlink()
            run.complete()
    except FathomError as error:
        seen.append(str(error))

work(fill=True)
work(fill=False)  # the disk is full already
ballast.unlink()
work(fill=True, room=True)  # room is there again once the run has failed
work(fill=False)
seen.append(store.client.get_run(seen[0][0]).info.status)
print(json.dumps(seen))
"""


def inside(*mounts: object, code: str, arguments: tuple[object, ...] = ()) -> "subprocess.CompletedProcess[str]":
    command = ["bwrap", "--dev-bind", "/", "/", *map(str, mounts), sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)


@pytest.fixture(scope="module", autouse=True)
def mounting(tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        inside("--tmpfs", tmp_path_factory.mktemp("trial"), code="").check_returncode()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"bubblewrap does not work here: {error}")


def test_a_full_disk_ends_in_a_sentence_and_the_run_is_gone_on_with(migrated: Path, tmp_path: Path) -> None:
    ended = inside("--size", ROOM, "--tmpfs", tmp_path, code=FILL, arguments=(tmp_path, migrated))
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 0, ended.stderr
    *tries, status = json.loads(ended.stdout)
    runs = [seen for seen in tries if isinstance(seen, list)]
    sentences = [seen for seen in tries if isinstance(seen, str)]
    assert len(sentences) == 3
    assert {text[: text.index(str(tmp_path))] for text in sentences} == {
        "the disk is full or a limit was reached while writing "
    }
    # One run all the while. It says why it failed as soon as there is room to say it.
    assert [resumed for _, resumed, _ in runs] == [False, True, True]
    assert len({run_id for run_id, *_ in runs}) == 1
    assert runs[-1][2] == sentences[-1]
    assert status == "FINISHED"


def test_a_root_that_is_read_only_is_named(root: Path) -> None:
    code = "import sys; from pathlib import Path; from src.tracking.store import open_store\n"
    code += "try: open_store(None, Path(sys.argv[1]))\nexcept Exception as error: print(error)"
    ended = inside("--ro-bind", root, root, code=code, arguments=(root,))
    assert ended.stdout.startswith(f"{root} cannot be written to (read-only, or not yours): set tracking.root"), ended


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of another kind"), storing(tmp_path):
        raise ValueError("of another kind")
    with pytest.raises(FathomError, match="said already"), storing(tmp_path):
        raise FathomError("said already")
