import hydra
from omegaconf import DictConfig

from src.entry import run


@hydra.main(config_path="../conf", config_name="sync", version_base="1.3")
def main(config: DictConfig) -> None:
    run(config, command="src.config.sync:SyncConfig", task="src.tasks.sync:sync_runs")


if __name__ == "__main__":
    main()
