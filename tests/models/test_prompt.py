import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from src.errors import FathomError
from src.models.prompt import PromptFormat
from src.models.tiny import tiny_tokenizer

CHAT = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture
def tokenizer():
    """One token a character, so that every border is visible."""
    specials = ["<s>", "</s>", "<|user|>", "<|assistant|>", "<|end|>"]
    vocabulary = {token: i for i, token in enumerate([*specials, "[UNK]", *map(chr, range(10, 127))])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    wrapped = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    wrapped.add_special_tokens({"additional_special_tokens": specials[2:]})
    return wrapped


def text(tokenizer, ids):
    return "".join(tokenizer.convert_ids_to_tokens(ids))


def test_plain_prompt_has_bos_in_front_and_the_answer_ends_with_eos(tokenizer):
    prompts = PromptFormat(tokenizer, "Q: {prompt}\nA: ")
    encoded = prompts.encode("1+1?", "2")
    assert text(tokenizer, encoded.prompt) == "<s>Q: 1+1?\nA: "
    assert text(tokenizer, encoded.answer) == "2</s>"
    assert prompts.encode_prompt("1+1?") == encoded.prompt
    assert prompts.stop_ids == {tokenizer.eos_token_id}


def test_braces_in_a_prompt_are_text(tokenizer):
    encoded = PromptFormat(tokenizer, "{prompt}|").encode("f{x}", "y")
    assert text(tokenizer, encoded.prompt) == "<s>f{x}|"


def test_chat_template_of_the_tokenizer_is_used(tokenizer):
    tokenizer.chat_template = CHAT
    prompts = PromptFormat(tokenizer, "Q: {prompt}\nA: ")
    encoded = prompts.encode("1+1?", "2")
    assert text(tokenizer, encoded.prompt) == "<|user|>1+1?<|end|>\n<|assistant|>"
    assert text(tokenizer, encoded.answer) == "2<|end|>"
    assert prompts.encode_prompt("1+1?") == encoded.prompt
    assert prompts.stop_ids == {tokenizer.convert_tokens_to_ids("<|end|>"), tokenizer.eos_token_id}
    assert prompts.decode(encoded.answer) == "2"


def test_a_template_whose_prompt_changes_with_the_answer_is_refused(tokenizer):
    tokenizer.chat_template = "{{ messages | length }}" + CHAT
    with pytest.raises(FathomError, match="chat template renders the prompt differently"):
        PromptFormat(tokenizer, "{prompt}").encode("a", "b")


def test_plain_shots_stand_in_front_each_with_an_empty_line_behind(tokenizer):
    prompts = PromptFormat(tokenizer, "Q: {prompt}\nA: ")
    encoded = prompts.encode("1+1?", "2", [("2+2?", "4"), ("3+3?", "6")])
    assert text(tokenizer, encoded.prompt) == "<s>Q: 2+2?\nA: 4\n\nQ: 3+3?\nA: 6\n\nQ: 1+1?\nA: "
    assert text(tokenizer, encoded.answer) == "2</s>"


def test_after_plain_shots_a_completion_ends_where_the_model_asks_itself_the_next_question():
    tokenizer = tiny_tokenizer("llama3")
    prompts = PromptFormat(tokenizer, "Q: {prompt}\nA: ")
    completion = tokenizer.encode("2\n\nQ: 5+5?\nA: 10", add_special_tokens=False)
    assert prompts.decode(completion, [("2+2?", "4")]) == "2"
    assert prompts.decode(completion) == "2\n\nQ: 5+5?\nA: 10"


def test_chat_shots_are_earlier_turns(tokenizer):
    tokenizer.chat_template = CHAT
    encoded = PromptFormat(tokenizer, "").encode("1+1?", "2", [("2+2?", "4")])
    assert text(tokenizer, encoded.prompt) == (
        "<|user|>2+2?<|end|>\n<|assistant|>4<|end|>\n<|user|>1+1?<|end|>\n<|assistant|>"
    )
    assert text(tokenizer, encoded.answer) == "2<|end|>"
