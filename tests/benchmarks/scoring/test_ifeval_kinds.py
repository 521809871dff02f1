from typing import Any

import pytest

from src.benchmarks.scoring.ifeval_kinds import KINDS, count_sentences, follows, refuse

ENGLISH = "the weather is fine today and we will walk along the river"
# kind, arguments, a response that follows the instruction, one that does not
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("keywords:existence", {"keywords": ["river", "walk"]}, "Walk by the River", "walk by the lake"),
    ("keywords:frequency", {"keyword": "go", "frequency": 2, "relation": "at least"}, "Go, go!", "go on"),
    ("keywords:forbidden_words", {"forbidden_words": ["cat"]}, "a catalogue", "a Cat."),
    ("keywords:letter_frequency", {"letter": "e", "let_frequency": 2, "let_relation": "less than"}, "bEd", "Eden"),
    ("language:response_language", {"language": "de"}, "Das Wetter ist heute sehr schön und warm.", ENGLISH),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "at least"}, "One is. Two?", "Only one."),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", "a\n***\nb\n***\nc"),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, "two words", "now three words"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "so"},
        "It rains.\n\n'So, stay in.",
        "It rains.\n\nAnd so, stay in.",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name], [town]", "[name], (town)"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\nP. S. Come soon.", "Bye. PS: come soon."),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* one\n- two", "* one\n- two\n* three"),
    ("detectable_format:constrained_response", {}, "My answer is maybe.", "Maybe."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a b* and *c*", "*a b* and * *"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        "Section 1\na\nSection 2\nb",
        "Section 1\na\nSection two\nb",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": [1, 2]}\n```', "{'a': 1}"),
    ("detectable_format:title", {}, "<<A title>>\ntext", "<A title>\n<<>>"),
    ("combination:two_responses", {}, "one way\n******\nanother", "one way\n******\none way"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "What is a fig?"}, "what is a fig? A fruit.", "A fruit."),
    ("startend:end_checker", {"end_phrase": "Any questions?"}, '"I am done. any questions?" ', "Any questions? No."),
    ("startend:quotation", {}, ' "All of it." ', '"Some" of it.'),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        "NASA is WELL-KNOWN",
        "NASA is Well-Known 1",
    ),
    ("change_case:english_capital", {}, ENGLISH.upper(), ENGLISH.capitalize()),
    ("change_case:english_lowercase", {}, ENGLISH, ENGLISH.capitalize()),
    ("punctuation:no_comma", {}, "one and two", "one, two"),
]


def test_every_kind_has_its_case() -> None:
    assert [case[0] for case in CASES] == list(KINDS)
    assert len(KINDS) == 25


@pytest.mark.parametrize(("kind", "arguments", "passes", "fails"), CASES, ids=[case[0] for case in CASES])
def test_one_response_passes_and_one_fails(kind: str, arguments: dict[str, Any], passes: str, fails: str) -> None:
    assert refuse(kind, arguments) is None
    assert follows(kind, arguments, passes)
    assert not follows(kind, arguments, fails)
    assert not follows(kind, arguments, " \n")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It rains. We stay in!", 2),
        ("Dr. J. Smith left at 3.5 p.m. today. Why?", 2),
        ("He lives in the U.S.", 1),
        ("Well... maybe. No?! Yes", 3),
        ('"Stop!" She ran.', 2),
        ("1. Take a pear.\n2. Eat it.", 2),
        ("no stop at all", 1),
        ("...", 0),
    ],
)
def test_sentences_are_counted_by_the_rule(text: str, sentences: int) -> None:
    assert count_sentences(text) == sentences


def test_the_language_found_is_the_same_every_time() -> None:
    text = "Hotel Taxi Radio Film"  # in which several languages see themselves
    for language in ("en", "it", "nl"):
        assert len({follows("language:response_language", {"language": language}, text) for _ in range(10)}) == 1


def test_a_text_without_a_language_is_let_through() -> None:
    assert follows("language:response_language", {"language": "fa"}, "12 + 34")


@pytest.mark.parametrize(
    ("kind", "arguments", "complaint"),
    [
        ("keywords:rhymes", {}, "no kind of instruction 'keywords:rhymes'"),
        ("punctuation:no_comma", {"n": 3}, "'n'"),
        ("startend:end_checker", {}, "end_phrase"),
        ("length_constraints:number_words", {"num_words": 3, "relation": "at most"}, "'at most', not one of at least"),
    ],
)
def test_an_instruction_that_cannot_be_checked_is_refused(kind: str, arguments: dict[str, Any], complaint: str) -> None:
    assert complaint in str(refuse(kind, arguments))
