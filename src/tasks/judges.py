"""The judge that a configuration describes, with the model it needs."""

import torch

from src import config as schema
from src.generation.greedy import GreedyEngine
from src.generation.nll import answer_nll
from src.judging.base import Judge
from src.judging.endpoint import EndpointJudge
from src.judging.local import LikelihoodJudge, LocalJudge
from src.models.prompt import PromptFormat
from src.tasks.bases import find_base


def build_judge(config: schema.PreferConfig, device: torch.device) -> Judge:
    """A judge of `config.judge`'s kind; a model of one's own is loaded to `device`."""
    chosen = config.judge
    if isinstance(chosen, schema.AskedEndpoint):
        return EndpointJudge(**chosen.model_dump(exclude={"kind"}))
    base = find_base(chosen.model, config.trainer, config.tracking)
    model, tokenizer = base.load()
    model.to(device)  # type: ignore[arg-type]
    prompts = PromptFormat(tokenizer, chosen.model.plain_prompt)
    batch_tokens = config.generation.batch_tokens
    settings = {"base": base.digest, "plain_prompt": chosen.model.plain_prompt}
    if isinstance(chosen, schema.Likelihood):

        def score(answers: list[tuple[str, str]]) -> list[float]:
            encoded = [prompts.encode(prompt, answer) for prompt, answer in answers]
            losses = answer_nll(model, [(e.prompt, e.answer) for e in encoded], batch_tokens)
            return [-nll / tokens for nll, tokens in losses]

        return LikelihoodJudge(score, chosen.margin, settings)

    longest = chosen.max_new_tokens

    def complete(questions: list[str]) -> list[str]:
        engine = GreedyEngine(model, prompts.stop_ids, batch_tokens)
        return [
            prompts.decode(c)
            for c in engine.generate([prompts.encode_prompt(question) for question in questions], longest)
        ]

    return LocalJudge(complete, {**settings, "max_new_tokens": longest})
