"""The UI's start page on MLflow's own server code and its own script, without a browser."""

from pathlib import Path

from src.tracking.ui import pages


def test_the_start_page_turns_the_switch_before_the_ui_reads_it() -> None:
    answer = pages.test_client().get("/")
    assert answer.status_code == 200 and answer.mimetype == "text/html"
    assert answer.text.index("mlflow.workflowType_v1") < answer.text.index("static/js/main")
    assert '<div id="root"' in answer.text


def test_the_switch_is_the_one_that_the_installed_ui_reads() -> None:
    (script,) = Path(str(pages.static_folder), "static", "js").glob("main.*.js")
    text = script.read_text()
    assert 'key:"mlflow.workflowType",version:1' in text
    assert 'MACHINE_LEARNING="machine_learning"' in text
    assert 'key:"mlflow.assistant.fab.autoOpenedOnFirstLoad",version:1' in text
