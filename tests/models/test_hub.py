import pytest

from src.errors import FathomError
from src.models.hub import locate, require_access


def test_a_local_directory_is_taken_as_it_is(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    require_access(str(tmp_path), None)
    assert locate(str(tmp_path), None) == tmp_path.resolve()


def test_offline_says_what_would_help(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FathomError) as error:
        require_access("meta-llama/No-Such-Model", None)
    for part in ("meta-llama/No-Such-Model", "licence", "hf auth login", "HF_TOKEN", "model.path"):
        assert part in str(error.value)


def test_a_hub_that_does_not_answer_is_named_soon(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FathomError, match=r"the hub at http://127.0.0.1:9 does not answer.*model\.path"):
        locate("meta-llama/No-Such-Model", None)
