"""Commands that read: at a place that holds no store they say so, and leave nothing there."""

from importlib import import_module
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from src.config.check import check
from src.errors import FathomError

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "analyze": ("src.config.analyze:AnalyzeConfig", "src.tasks.analyze:fit_laws", ["study=s", "out={folder}/out"]),
    "export": ("src.config.archive:ExportConfig", "src.tasks.archive:export", ["study=s", "to={folder}/s.zip"]),
    "nightly": ("src.config.nightly:NightlyConfig", "src.tasks.nightly:nightly", ["accept=2026-01-03"]),
    "prune": ("src.config.prune:PruneConfig", "src.tasks.prune:prune", []),
    "publish": ("src.config.publish:PublishConfig", "src.tasks.publish:publish", ["study=s", "to={folder}/points"]),
    "rerun": ("src.config.rerun:RerunConfig", "src.tasks.rerun:rerun", ["run_id=abc"]),
    "status": ("src.config.status:StatusConfig", "src.tasks.status:status", ["study=s"]),
    "sync": ("src.config.sync:SyncConfig", "src.tasks.sync:sync_runs", []),
}


def imported(place: str):
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("command", COMMANDS)
def test_where_there_is_no_store_none_is_made(tmp_path, command):
    of_config, task, options = COMMANDS[command]
    given = [option.format(folder=tmp_path) for option in [*options, "tracking.root={folder}/mistyped"]]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = check(compose(command, overrides=given), imported(of_config))
    with pytest.raises(FathomError, match=r"there is no store at .*/mistyped/mlflow\.db: check tracking\.root"):
        imported(task)(config)
    assert list(tmp_path.iterdir()) == []
