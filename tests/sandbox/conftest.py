import pytest

from src.errors import FathomError
from src.sandbox.run import require_sandbox


@pytest.fixture(scope="session")
def bubblewrap() -> str:
    """The mode's name, where it works."""
    try:
        require_sandbox("bubblewrap")
    except FathomError as error:
        pytest.skip(f"bubblewrap does not work here: {error}")
    return "bubblewrap"


@pytest.fixture(params=["bubblewrap", "limits_only"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("bubblewrap") if request.param == "bubblewrap" else request.param
