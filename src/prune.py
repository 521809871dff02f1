import hydra
from omegaconf import DictConfig

from src.entry import run


@hydra.main(config_path="../conf", config_name="prune", version_base="1.3")
def main(config: DictConfig) -> None:
    run(config, command="src.config.prune:PruneConfig", task="src.tasks.prune:prune")


if __name__ == "__main__":
    main()
