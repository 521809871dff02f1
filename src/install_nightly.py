import hydra
from omegaconf import DictConfig

from src.entry import run


@hydra.main(config_path="../conf", config_name="install_nightly", version_base="1.3")
def main(config: DictConfig) -> None:
    task = "src.tasks.install_nightly:install_nightly"
    run(config, command="src.config.install_nightly:InstallNightlyConfig", task=task)


if __name__ == "__main__":
    main()
