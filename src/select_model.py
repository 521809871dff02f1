import hydra
from omegaconf import DictConfig

from src.entry import run


@hydra.main(config_path="../conf", config_name="select_model", version_base="1.3")
def main(config: DictConfig) -> None:
    if config.source.kind == "csv":
        run(config, command="src.config.select:SelectFromFileConfig", task="src.tasks.select:select_from_file")
    else:
        run(config, command="src.config.select:SelectFromStudyConfig", task="src.tasks.select:select_from_study")


if __name__ == "__main__":
    main()
