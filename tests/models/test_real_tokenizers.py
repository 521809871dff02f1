"""Prompts, answers and what comes back of them, with the tokenizers of the families that are measured."""

import ast
import copy
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_tokenizers import CHAT_TEMPLATES, NAMES, real_tokenizer

from src.benchmarks.scoring.code_text import continued_function
from src.models.loss import IGNORE
from src.models.prompt import PromptFormat
from src.modules.batch import collate

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not in {DATA}")
PLAIN = "Question: {prompt}\nAnswer:\n"
SENTENCEPIECE = [name for name in NAMES if name not in ("llama3", "tekken")]
# Each tokenizer with its family's template, and two with one whose marks are no tokens of theirs.
CHATS = [*((name, "llama3" if name == "llama3" else "mistral") for name in NAMES)]
CHATS += [("llama3", "chatml"), ("sentencepiece", "chatml")]
BODY = "    return x\n"


def plain(name: str) -> PromptFormat:
    return PromptFormat(real_tokenizer(name), PLAIN)


def chat(name: str, template: str) -> PromptFormat:
    tokenizer = copy.copy(real_tokenizer(name))
    tokenizer.chat_template = CHAT_TEMPLATES[template]
    return PromptFormat(tokenizer, PLAIN)


def humaneval() -> list[dict[str, str]]:
    with gzip.open(DATA / "humaneval" / "HumanEval.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


@needs_data
@pytest.mark.parametrize("name", NAMES)
def test_every_canonical_solution_comes_back_as_it_was(name: str) -> None:
    prompts = plain(name)
    rows = humaneval()
    assert len(rows) == 164
    for row in rows:
        answer = prompts.encode(row["prompt"], row["canonical_solution"]).answer
        assert prompts.decode(answer) == row["canonical_solution"]


@needs_data
@pytest.mark.parametrize(("name", "template"), CHATS)
def test_every_canonical_solution_comes_back_from_a_chat(name: str, template: str) -> None:
    prompts = chat(name, template)
    for row in humaneval():
        solution, answer = row["canonical_solution"], prompts.encode(row["prompt"], row["canonical_solution"]).answer
        assert answer[-1] in prompts.stop_ids
        text = prompts.decode(answer[:-1])
        if template == "llama3":  # it trims what is said, which scoring mends
            assert text == solution.strip()
            whole, told = (continued_function(row["prompt"], row["entry_point"], body) for body in (solution, text))
            assert ast.dump(ast.parse(told)) == ast.dump(ast.parse(whole))
        else:
            assert text == solution + ("<|im_end|>\n" if template == "chatml" else "")


@needs_data
@pytest.mark.parametrize("name", NAMES)
def test_worked_answers_and_programs_come_back_as_they_were(name: str) -> None:
    prompts = plain(name)
    texts = [json.loads(line)["answer"] for line in (DATA / "gsm8k" / "test.jsonl").read_text().splitlines()[:100]]
    texts += [json.loads(line)["code"] for line in (DATA / "mbpp" / "mbpp.jsonl").read_text().splitlines()[:100]]
    assert all(prompts.decode(prompts.encode("", text).answer) == text for text in texts)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=50)
@given(text=st.text(st.characters(exclude_characters="▁<[", exclude_categories=["Cs"])))
def test_any_answer_comes_back_as_it_was(name: str, text: str) -> None:
    prompts = plain(name)
    assert prompts.decode(prompts.encode("Who?", text).answer) == text


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_goes_on_where_its_prompt_ends(name: str) -> None:
    prompts = plain(name)
    tokenizer = prompts.tokenizer
    encoded = prompts.encode("f?", BODY, [("g?", "  pass"), ("h?", "17")])
    assert encoded.prompt.count(tokenizer.bos_token_id) == 1 and encoded.prompt[0] == tokenizer.bos_token_id
    shown = "Question: g?\nAnswer:\n  pass\n\nQuestion: h?\nAnswer:\n17\n\nQuestion: f?\nAnswer:\n"
    assert tokenizer.decode(encoded.prompt + encoded.answer, skip_special_tokens=True).removeprefix(" ") == shown + BODY
    # A model that goes on from the prompt as pretraining taught it emits these very tokens.
    natural = tokenizer.encode(shown + BODY, add_special_tokens=False)
    assert natural[-len(encoded.answer) + 1 :] == encoded.answer[:-1]


@pytest.mark.parametrize(
    ("name", "tokens"), [*((name, ["1", "2", "3", "4", "5"]) for name in SENTENCEPIECE), ("llama3", ["123", "45"])]
)
def test_digits_begin_an_answer_without_a_token_before_them(name: str, tokens: list[str]) -> None:
    prompts = plain(name)
    assert prompts.tokenizer.convert_ids_to_tokens(prompts.encode("How many?", "12345").answer[:-1]) == tokens


@pytest.mark.parametrize(("name", "token"), [("mistral_v1", "</s>"), ("llama3", "<|eot_id|>")])
def test_a_chat_ends_with_the_token_of_its_template(name: str, token: str) -> None:
    prompts = chat(name, "llama3" if name == "llama3" else "mistral")
    stop = prompts.tokenizer.convert_tokens_to_ids(token)
    assert stop in prompts.stop_ids and prompts.encode("a", "b").answer[-1] == stop


@pytest.mark.parametrize("name", NAMES)
def test_what_packed_examples_are_to_learn_is_their_answers_to_the_letter(name: str) -> None:
    prompts = plain(name)
    answers = ["12 + 3 = 15\n#### 15", BODY, "Ünï – 漢字 🙂"]
    packed = collate([[prompts.encode(f"Question {i}?", answer) for i, answer in enumerate(answers)]])
    learnt = packed.targets[0][packed.targets[0] != IGNORE].tolist()
    texts, end = [], prompts.tokenizer.eos_token_id
    while learnt:
        stop = learnt.index(end)
        texts.append(prompts.decode(learnt[:stop]))
        learnt = learnt[stop + 1 :]
    assert texts == answers
    starts = (packed.position_ids[0] == 0).nonzero()[:, 0]
    assert packed.input_ids[0][starts].tolist() == [prompts.tokenizer.bos_token_id] * 3


def test_spaces_before_punctuation_stay_whatever_the_tokenizer_says() -> None:
    tokenizer = copy.copy(real_tokenizer("mistral_v1"))
    tokenizer.clean_up_tokenization_spaces = True
    tokenizer.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output = True
    prompts = PromptFormat(tokenizer, PLAIN)
    code = "    x , y = f ( ) . z\n"
    assert prompts.decode(prompts.encode("", code).answer) == code
