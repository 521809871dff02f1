import hydra
from omegaconf import DictConfig

from src.entry import run


@hydra.main(config_path="../conf", config_name="eval", version_base="1.3")
def main(config: DictConfig) -> None:
    run(config, command="src.config.eval:EvalConfig", task="src.tasks.evaluate:evaluate")


if __name__ == "__main__":
    main()
