import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from src.benchmarks.benchmark import BadData, Example, Verdict
from src.benchmarks.jsonl import Jsonl
from src.errors import FathomError
from src.sandbox.run import require_sandbox

CONFIG = Path(__file__).parents[2] / "conf/benchmark/jsonl.yaml"
TRAIN = {"prompt": "1+1?", "answer": "#### 2"}


def jsonl(directory: Path, scorer: str, test: list[dict[str, Any]], train: Any = (TRAIN,), **changes: Any) -> Jsonl:
    fields = yaml.safe_load(CONFIG.read_text())
    assert fields.pop("_target_") == "src.benchmarks.jsonl.Jsonl"
    files = {"train": directory / "train.jsonl", "test": directory / "test.jsonl"}
    for name, rows in (("train", train), ("test", test)):
        files[name].write_text("".join(json.dumps(row) + "\n" for row in rows))
    files["test"] = changes.pop("test_file", files["test"])
    return Jsonl(**{**fields, **files, "scorer": scorer, "sandbox": "limits_only", **changes})


def verdict(benchmark: Jsonl, completion: str) -> Verdict:
    return benchmark.score(benchmark.test()[0], completion)


def test_exact_match_takes_what_follows_the_marker_in_the_reference(tmp_path: Path) -> None:
    benchmark = jsonl(tmp_path, "exact_match", [{"prompt": "Who?", "answer": "It is Mia.\n#### Mia"}])
    assert benchmark.pool() == [Example("1+1?", "#### 2", "2")]
    assert benchmark.test() == [Example("Who?", "It is Mia.\n#### Mia", "Mia")]
    assert benchmark.data_files() == [tmp_path / "train.jsonl", tmp_path / "test.jsonl"]
    assert verdict(benchmark, "#### mia.").score == 1.0
    assert verdict(benchmark, "#### Tom").error == "reasoning"
    assert verdict(benchmark, "Mia").error == "format"


def test_without_a_marker_in_the_reference_the_first_line_is_the_answer(tmp_path: Path) -> None:
    benchmark = jsonl(tmp_path, "exact_match", [{"prompt": "Who?", "gold": ["Mia", "Mia Ott"]}])
    assert verdict(benchmark, "\nMia Ott\nQuestion: more").score == 1.0
    assert verdict(benchmark, "She is Mia.\n#### Mia").score == 1.0
    assert verdict(benchmark, "Tom").error == "reasoning"
    assert verdict(benchmark, " \n").error == "format"


def test_f1_is_the_score(tmp_path: Path) -> None:
    benchmark = jsonl(tmp_path, "f1", [{"prompt": "Who?", "gold": "Mia Ott"}])
    half = verdict(benchmark, "Mia")
    assert half.score == pytest.approx(2 / 3)
    assert (half.error, half.parts) == ("reasoning", {"exact_match": [0.0]})
    assert (verdict(benchmark, "Ott Mia").score, verdict(benchmark, "Ott Mia").error) == (1.0, None)


def test_number(tmp_path: Path) -> None:
    benchmark = jsonl(tmp_path, "number", [{"prompt": "2+2?", "answer": "2+2=4\n#### 4.0"}])
    assert benchmark.test()[0].gold == "4"
    assert verdict(benchmark, "#### $4").score == 1.0
    assert verdict(benchmark, "4").error == "format"
    plain = jsonl(tmp_path, "number", [{"prompt": "2+2?", "gold": 4}])
    assert verdict(plain, "4").score == 1.0
    with pytest.raises(BadData, match=r"test\.jsonl, line 1: the gold answer is no number and has none after ####"):
        jsonl(tmp_path, "number", [{"prompt": "2+2?", "answer": "four"}]).test()


def test_regex(tmp_path: Path) -> None:
    benchmark = jsonl(tmp_path, "regex", [{"prompt": "A date?", "gold": r"\b\d{4}-\d\d\b"}])
    assert verdict(benchmark, "on 2024-05.") == Verdict(1.0, "2024-05", None)
    assert verdict(benchmark, "in May").error == "reasoning"
    assert verdict(benchmark, "").error == "format"
    with pytest.raises(BadData, match=r"line 1: the gold answer is no regular expression"):
        jsonl(tmp_path, "regex", [{"prompt": "A date?", "gold": "("}]).test()
    with pytest.raises(BadData, match=r"test\.jsonl, line 1: the field 'gold' is missing"):
        jsonl(tmp_path, "regex", [{"prompt": "A date?", "answer": "today"}]).test()


def test_code_runs_the_hidden_tests(tmp_path: Path) -> None:
    try:
        require_sandbox("limits_only")
    except FathomError as error:
        pytest.skip(str(error))
    row = {"prompt": "Write double(x).", "tests": ["assert double(2) == 4", "assert double(0) == 0"]}
    benchmark = jsonl(tmp_path, "code", [row])
    right, wrong = "def double(x):\n    return 2 * x\n", "def double(x):\n    return x\n"
    verdicts = benchmark.score_all(benchmark.test() * 2, [right, wrong])
    assert [each.score for each in verdicts] == [1.0, 0.0]
    assert "assert" not in benchmark.test()[0].prompt
    with pytest.raises(BadData, match="the field 'tests' is missing"):
        jsonl(tmp_path, "code", [{"prompt": "Write double(x).", "answer": right}]).test()


def test_a_function_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_scorers.py").write_text(
        "from src.benchmarks.benchmark import Verdict\n"
        "def share(example, completion): return completion.count(example.gold) / len(completion)\n"
        "def strict(example, completion): return Verdict(0.0, None, 'format', detail='never')\n"
        "def tenfold(example, completion): return 10\n"
        "constant = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_scorers", raising=False)
    rows = [{"prompt": "Say a.", "gold": "a"}]
    benchmark = jsonl(tmp_path, "python:my_scorers.share", rows)
    assert verdict(benchmark, "aabb") == Verdict(0.5, "aabb", "reasoning")
    assert verdict(benchmark, "aa").error is None
    assert benchmark.data_files()[-1] == tmp_path / "my_scorers.py"
    assert verdict(jsonl(tmp_path, "python:my_scorers.strict", rows), "a").detail == "never"
    with pytest.raises(FathomError, match=r"tenfold gave 10; it must return a number in \[0, 1\]"):
        verdict(jsonl(tmp_path, "python:my_scorers.tenfold", rows), "a")
    for name, complaint in (("constant", "is a int, not a function"), ("absent", "cannot be imported: .* PYTHONPATH")):
        with pytest.raises(ValidationError, match=complaint):
            jsonl(tmp_path, f"python:my_scorers.{name}", rows)
    with pytest.raises(ValidationError, match="cannot be imported"):
        jsonl(tmp_path, "python:len", rows)


def test_other_field_names(tmp_path: Path) -> None:
    train, test = [{"question": "1?", "solution": "one"}], [{"question": "2?", "solution": "two", "final": "2"}]
    names = {"prompt": "question", "answer": "solution", "gold": "final", "tests": "tests"}
    benchmark = jsonl(tmp_path, "exact_match", test, train, fields=names)
    assert benchmark.pool() == [Example("1?", "one", "one")]
    assert benchmark.test() == [Example("2?", "two", "2")]


def test_complaints(tmp_path: Path) -> None:
    test = [{"prompt": "2+2?", "answer": "4"}]
    with pytest.raises(ValidationError, match=r"'bleu' is no scorer; there are exact_match, f1, number, regex, code"):
        jsonl(tmp_path, "bleu", test)
    with pytest.raises(ValidationError, match=r"there is no file .*nowhere\.jsonl"):
        jsonl(tmp_path, "exact_match", test, test_file=tmp_path / "nowhere.jsonl")
    with pytest.raises(BadData, match=r"train\.jsonl, line 2: the field 'answer' is missing"):
        jsonl(tmp_path, "exact_match", test, [TRAIN, {"prompt": "3+3?"}]).pool()
    with pytest.raises(BadData, match=r"test\.jsonl, line 1: the gold answer is missing or empty"):
        jsonl(tmp_path, "exact_match", [{"prompt": "2+2?"}]).test()
    for scorer, row in (("regex", {"gold": None}), ("regex", {"gold": ""}), ("code", {"tests": []})):
        with pytest.raises(BadData, match=r"test\.jsonl, line 1: the field '(gold|tests)' is empty"):
            jsonl(tmp_path, scorer, [{"prompt": "2+2?", **row}]).test()
    with pytest.raises(BadData, match=r"test\.jsonl, line 1: the gold answer is an empty list"):
        jsonl(tmp_path, "exact_match", [{"prompt": "2+2?", "gold": []}]).test()
    with pytest.raises(BadData, match=r"train\.jsonl, line 2: this prompt is in .*test\.jsonl too; remove it from one"):
        jsonl(tmp_path, "exact_match", test, [TRAIN, *test]).pool()
