import hydra
from omegaconf import DictConfig

from src.entry import run


@hydra.main(config_path="../conf", config_name="import_study", version_base="1.3")
def main(config: DictConfig) -> None:
    run(config, command="src.config.archive:ImportConfig", task="src.tasks.archive:import_archive")


if __name__ == "__main__":
    main()
