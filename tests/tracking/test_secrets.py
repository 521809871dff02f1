import pytest

from src.tracking.secrets import redact


def test_uris_lose_their_credentials() -> None:
    assert (
        redact("see https://me:pass@host:5000/x?token=abc&y=1 now") == "see https://***@host:5000/x?token=***&y=1 now"
    )
    assert redact("postgresql+psycopg://u:p%40ss@db/fathom") == "postgresql+psycopg://***@db/fathom"
    assert redact("sqlite:////data/mlruns/mlflow.db and a@b.org") == "sqlite:////data/mlruns/mlflow.db and a@b.org"


def test_values_of_secret_variables_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefgh123")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    assert redact("401 for hf_abcdefgh123, false alarm") == "401 for ***, false alarm"
