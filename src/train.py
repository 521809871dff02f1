import hydra
from omegaconf import DictConfig

from src.entry import run


@hydra.main(config_path="../conf", config_name="train", version_base="1.3")
def main(config: DictConfig) -> None:
    task = "src.tasks.plan:plan" if config.plan else "src.tasks.finetune:finetune"
    run(config, command="src.config.train:TrainConfig", task=task)


if __name__ == "__main__":
    main()
