import hydra
from omegaconf import DictConfig

from src.entry import gather_overrides, run


@hydra.main(config_path="../conf", config_name="rerun", version_base="1.3")
def main(config: DictConfig) -> None:
    run(config, command="src.config.rerun:RerunConfig", task="src.tasks.rerun:rerun")


if __name__ == "__main__":
    gather_overrides(own={"run_id", "from", "tracking", "log_level", "overrides", "hydra", "hydra/launcher"})
    main()
