import hydra
from omegaconf import DictConfig

from src.entry import run


@hydra.main(config_path="../conf", config_name="analyze", version_base="1.3")
def main(config: DictConfig) -> None:
    if config.source.kind == "csv":
        run(config, command="src.config.analyze:ForecastConfig", task="src.tasks.forecast:forecast_csv")
    else:
        run(config, command="src.config.analyze:AnalyzeConfig", task="src.tasks.analyze:fit_laws")


if __name__ == "__main__":
    main()
