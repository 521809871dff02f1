"""MLflow's own UI, opened in its model-training view: `mlflow ui --app-name fathom` (`make ui`).

Which of its two views MLflow shows is a switch in the browser's storage, which says GenAI until the user turns it; an
experiment's kind no longer decides. So the page that starts the UI turns the switch where the browser holds no choice.
It also says that MLflow's assistant has opened itself once, or its panel takes a quarter of the first page.
"""

from pathlib import Path

from mlflow.server import app as pages
from mlflow.server.fastapi_app import app

__all__ = ["app"]

CHOICES = """<script>
localStorage["mlflow.workflowType_v1"] ??= '"machine_learning"'
localStorage["mlflow.assistant.fab.autoOpenedOnFirstLoad_v1"] ??= "true"
</script>"""


def start_page() -> str:
    page = (Path(str(pages.static_folder)) / "index.html").read_text()
    return page.replace("<head>", f"<head>{CHOICES}", 1)


pages.view_functions["serve"] = start_page
