import hydra
from omegaconf import DictConfig

from src.entry import run


@hydra.main(config_path="../conf", config_name="status", version_base="1.3")
def main(config: DictConfig) -> None:
    run(config, command="src.config.status:StatusConfig", task="src.tasks.status:status")


if __name__ == "__main__":
    main()
