import hydra
from omegaconf import DictConfig

from src.entry import run


@hydra.main(config_path="../conf", config_name="analyze", version_base="1.3")
def main(config: DictConfig) -> None:
    if config.source.kind == "csv":
        run(config, command="ForecastConfig", task="src.tasks.forecast_csv:forecast_csv")
    else:
        run(config, command="AnalyzeConfig", task="src.tasks.fit_laws:fit_laws")


if __name__ == "__main__":
    main()
