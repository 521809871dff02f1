"""IFEval's 25 kinds of instruction (Zhou et al. 2311.07911, table 1), each as a rule: does the response follow it?

What a kind counts is what the authors' code counts (regular expressions, `at least` and `less than`, what is stripped),
so that figures compare. It differs in three; for the first two that code uses a tokenizer that has to be downloaded:

- a sentence ends at `.`, `!` or `?` before white space, unless an initial or a common abbreviation stands before the
  stop or a small letter follows it; what has no letter in it, such as a list's number, is none;
- a capital word is a run of letters and digits, with the hyphens, apostrophes and stops inside it, so that "DON'T" is
  one word (it is two there);
- a "letter" that is a sign (`#`, `!`) is counted as such, where that code draws a letter at random instead.

The language is found by `langdetect`, as there, but always with the same seed. As there, a text in which it finds no
features of a language (digits, say) passes.
"""

import json
import re
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "at least": lambda found, number: found >= number,
    "less than": lambda found, number: found < number,
}
_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_ABBREVIATIONS = frozenset("mr mrs ms dr prof st sr jr vs etc e.g i.e inc ltd co no fig approx u.s u.k a.m p.m".split())  # noqa: SIM905
_STOP = re.compile(r"(\S*?)([.!?]+)[\"'”’)\]*]*(?=\s+(\S)|\s*$)")


def follows(kind: str, arguments: Mapping[str, Any], response: str) -> bool:
    """Whether `response` follows the instruction; an empty one follows none."""
    return bool(response.strip()) and KINDS[kind](response, **arguments)


def refuse(kind: str, arguments: Mapping[str, Any]) -> str | None:
    """What is wrong with an instruction, or None."""
    if kind not in KINDS:
        return f"there is no kind of instruction {kind!r}"
    try:
        signature(KINDS[kind]).bind("", **arguments)
    except TypeError as error:
        return f"{kind}: {error}"
    for name, value in arguments.items():
        if name.endswith("relation") and value not in _COMPARE:
            return f"{kind}: {name} is {value!r}, not one of {', '.join(_COMPARE)}"
    return None


# --- keywords --------------------------------------------------------------------------------------------------------


def _existence(text: str, keywords: list[str]) -> bool:
    return all(re.search(word, text, re.IGNORECASE) for word in keywords)


def _frequency(text: str, keyword: str, frequency: int, relation: str) -> bool:
    return _COMPARE[relation](len(re.findall(keyword, text, re.IGNORECASE)), frequency)


def _forbidden(text: str, forbidden_words: list[str]) -> bool:
    return not any(re.search(rf"\b{word}\b", text, re.IGNORECASE) for word in forbidden_words)


def _letters(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return _COMPARE[let_relation](text.lower().count(letter.lower()), let_frequency)


# --- language and case -----------------------------------------------------------------------------------------------


def _language(text: str, language: str) -> bool:
    from langdetect import DetectorFactory, LangDetectException, detect

    DetectorFactory.seed = 0
    try:
        return bool(detect(text) == language)
    except LangDetectException:
        return True


def _capital_words(text: str, capital_frequency: int, capital_relation: str) -> bool:
    found = [word for word in re.findall(r"\w+(?:[-'’.]\w+)*", text) if word.isupper()]
    return _COMPARE[capital_relation](len(found), capital_frequency)


# --- length ----------------------------------------------------------------------------------------------------------


def count_sentences(text: str) -> int:
    """By the rule at the top of this file."""
    count, start = 0, 0
    for stop in _STOP.finditer(text):
        word = stop[1].lstrip("\"'“‘([*").lower()
        initials = re.fullmatch(r"[^\W\d_]|(?:[^\W\d_]\.)+[^\W\d_]", word) and word != "i"
        if stop[2] == "." and (initials or word in _ABBREVIATIONS):
            continue
        if set(stop[2]) == {"."} and stop[3] and stop[3].islower():
            continue
        # A list's number alone is no sentence: it goes to the one after it.
        if re.search(r"[^\W\d_]", text[start : stop.end()]):
            count, start = count + 1, stop.end()
    return count + bool(re.search(r"[^\W\d_]", text[start:]))


def _sentences(text: str, num_sentences: int, relation: str) -> bool:
    return _COMPARE[relation](count_sentences(text), num_sentences)


def _words(text: str, num_words: int, relation: str) -> bool:
    return _COMPARE[relation](len(re.findall(r"\w+", text)), num_words)


def _paragraphs(text: str, num_paragraphs: int) -> bool:
    return _filled(re.split(r"\s?\*\*\*\s?", text)) == num_paragraphs


def _nth_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    paragraphs = text.split("\n\n")
    filled = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    # The n-th is counted with the empty ones, as the authors' code does.
    words = paragraphs[nth_paragraph - 1].split() if nth_paragraph <= filled else []
    if filled != num_paragraphs or not words:
        return False
    return re.split(r"[.,?!'\"]", words[0].lstrip("'").lstrip('"'))[0].lower() == first_word.lower()


def _filled(parts: list[str]) -> int | None:
    """How many parts hold text; None where an inner one is empty. The first and the last may be."""
    filled = [bool(part.strip()) for part in parts]
    return sum(filled) if all(filled[1:-1]) else None


# --- content and format ----------------------------------------------------------------------------------------------


def _placeholders(text: str, num_placeholders: int) -> bool:
    return len(re.findall(r"\[.*?\]", text)) >= num_placeholders


def _postscript(text: str, postscript_marker: str) -> bool:
    patterns = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    return bool(re.search(patterns.get(postscript_marker, postscript_marker.lower()), text.lower()))


def _bullets(text: str, num_bullets: int) -> bool:
    stars = re.findall(r"^\s*\*[^\*].*$", text, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", text, re.MULTILINE)
    return len(stars) + len(dashes) == num_bullets


def _constrained(text: str) -> bool:
    return any(answer in text for answer in _ANSWERS)


def _highlights(text: str, num_highlights: int) -> bool:
    # Bold text is counted by both patterns where they match it; so it is in the authors' code.
    found = re.findall(r"\*[^\n\*]*\*", text) + re.findall(r"\*\*[^\n\*]*\*\*", text)
    return sum(bool(part.strip("*").strip()) for part in found) >= num_highlights


def _sections(text: str, section_spliter: str, num_sections: int) -> bool:
    return len(re.split(rf"\s?{section_spliter}\s?\d+\s?", text)) - 1 >= num_sections


def _json(text: str) -> bool:
    body = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        body = body.removeprefix(fence)
    try:
        json.loads(body.removesuffix("```").strip())
    except ValueError:
        return False
    return True


def _title(text: str) -> bool:
    return any(title.lstrip("<").rstrip(">").strip() for title in re.findall(r"<<[^\n]+>>", text))


def _two_responses(text: str) -> bool:
    parts = text.split("******")
    responses = [part.strip() for part in parts if part.strip()]
    return _filled(parts) == 2 and responses[0] != responses[1]


def _repeats(text: str, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def _ends(text: str, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def _quoted(text: str) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


KINDS: Mapping[str, Callable[..., bool]] = {
    "keywords:existence": _existence,
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _forbidden,
    "keywords:letter_frequency": _letters,
    "language:response_language": _language,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_words": _words,
    "length_constraints:nth_paragraph_first_word": _nth_first_word,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:constrained_response": _constrained,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
    "combination:two_responses": _two_responses,
    "combination:repeat_prompt": _repeats,
    "startend:end_checker": _ends,
    "startend:quotation": _quoted,
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": lambda text: text.isupper() and _language(text, "en"),
    "change_case:english_lowercase": lambda text: text.islower() and _language(text, "en"),
    "punctuation:no_comma": lambda text: "," not in text,
}
