"""The engine that `generation` names, over a model in memory."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

from transformers import GenerationConfig, PreTrainedModel

from src.config.generation import Generation, Sampled, Served
from src.generation.engine import Engine
from src.generation.greedy import GreedyEngine
from src.generation.hf import HfEngine
from src.generation.sampled import SampledEngine
from src.generation.server_engine import ServerEngine
from src.generation.server_process import started
from src.models.out_of_memory import free_memory
from src.models.prompt import PromptFormat

log = logging.getLogger(__name__)


@contextmanager
def engine_over(
    model: PreTrainedModel,
    prompts: PromptFormat,
    generation: Generation,
    directory: Path,
    stopped: Callable[[list[int]], bool],
    places: Sequence[int],
) -> Iterator[Engine]:
    """The engine that answers the prompts in these places. Ours end a completion that has `stopped`; the others go on.

    For a server the model leaves its device, whose memory the server takes; the weights that it loads and its log are
    in `directory`, which is gone in the end unless something failed.
    """
    if isinstance(generation, Served):
        _keep(model, prompts, directory)
        model.to("cpu")  # type: ignore[arg-type]
        free_memory()
        with _serving(generation, directory, str(model.dtype).removeprefix("torch.")) as url:
            yield ServerEngine(url, str(directory), prompts, generation)
        rmtree(directory)
    elif isinstance(generation, Sampled):
        temperature, seed = generation.temperature, generation.seed
        yield SampledEngine(model, prompts.stop_ids, generation.batch_tokens, temperature, seed, places, stopped)
    elif generation.name == "greedy":
        yield GreedyEngine(model, prompts.stop_ids, generation.batch_tokens, stopped)
    else:
        yield HfEngine(model, prompts.stop_ids, generation.batch_tokens)


@contextmanager
def _serving(generation: Served, weights: Path, dtype: str) -> Iterator[str]:
    if generation.url is not None:
        yield generation.url
        return
    log.info("starting a server: %s", generation.command)
    with started(generation, weights, dtype, weights / "server.log") as url:
        yield url


def _keep(model: PreTrainedModel, prompts: PromptFormat, directory: Path) -> None:
    """The model as it is evaluated, for a server to load: greedy, with the stop tokens that end an answer."""
    rmtree(directory, ignore_errors=True)
    own = model.generation_config
    stops = sorted(prompts.stop_ids)
    model.generation_config = GenerationConfig(eos_token_id=stops, pad_token_id=stops[0])
    try:
        model.save_pretrained(directory)
    finally:
        model.generation_config = own
    prompts.tokenizer.save_pretrained(directory)
