import copy
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.tracking.identity import digest, file_digest, git_state, run_key

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
CONFIGS = st.dictionaries(st.text(max_size=5), NESTED, max_size=4)


def reordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: reordered(item) for key, item in reversed(value.items())}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(CONFIGS)
def test_order_of_keys_does_not_matter(config: dict[str, object]) -> None:
    assert digest(reordered(config)) == digest(config)
    assert run_key("finetune", **{"config": reordered(config)}) == run_key("finetune", config=config)


@given(CONFIGS, st.text(), SCALARS, SCALARS)
def test_any_other_value_gives_another_digest(config: dict[str, object], key: str, one: object, other: object) -> None:
    same = type(one) is type(other) and repr(one) == repr(other)
    assert (digest({**config, key: one}) == digest({**config, key: other})) == same
    assert digest({**config, key: [one]}) != digest({**config, key: one})


@given(CONFIGS, CONFIGS)
def test_digests_agree_only_for_equal_configs(one: dict[str, object], other: dict[str, object]) -> None:
    assert digest(one) == digest(copy.deepcopy(one))
    if one != other:
        assert digest(one) != digest(other)


def test_run_key_tells_kinds_and_fields_apart() -> None:
    keys = {run_key("finetune", n=10, seed=1), run_key("evaluate", n=10, seed=1), run_key("finetune", n=1, seed=10)}
    assert len(keys) == 3
    assert all(len(key) == 20 and int(key, 16) >= 0 for key in keys)


def test_run_key_is_the_same_in_another_process() -> None:
    code = "from src.tracking.identity import run_key; print(run_key('finetune', a={'x': 1.5, 'y': None}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert other == run_key("finetune", a={"y": None, "x": 1.5})


def test_identity_needs_nothing_heavy() -> None:
    code = "import sys, src.tracking.identity; print([m for m in ('mlflow', 'torch', 'numpy') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert loaded == "[]"


@pytest.mark.parametrize("value", [object(), {1: "a"}, {"a": {1, 2}}, b"bytes"])
def test_what_has_no_stable_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="has no digest"):
        digest(value)


def test_file_digest_is_sha256_of_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"a" * 3_000_000)
    before = file_digest(path)
    path.write_bytes(b"a" * 2_999_999 + b"b")
    assert file_digest(path) != before
    path.write_bytes(b"abc")
    assert file_digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_git_state(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    assert git_state(tmp_path) == {"commit": None, "dirty": None}
    git("init")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "a")
    clean = git_state(tmp_path)
    assert len(str(clean["commit"])) == 40
    assert clean["dirty"] is False
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path) == {"commit": clean["commit"], "dirty": True}
