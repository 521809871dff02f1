"""The nightly sweep given to what starts commands at a time: a systemd timer, cron, or a runner of GitHub's."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from src.config.install_nightly import InstallNightlyConfig
from src.errors import FathomError

ROOT = Path(__file__).parents[2]
NAME = "fathom-nightly"


def install_nightly(config: InstallNightlyConfig) -> None:
    """Install, in place of what was installed before, and print where it is. FathomError where the scheduler fails."""
    # An earlier night's own log lies in its folder: this one is of the last start alone.
    command = shlex.join([sys.executable, "src/nightly.py", *config.arguments])
    log = ROOT / "multirun" / "nightly.log"
    log.parent.mkdir(exist_ok=True)
    if config.how == "systemd":
        folder = Path.home() / ".config" / "systemd" / "user"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in systemd_units(command, config.at, log).items():
            (folder / name).write_text(text, encoding="utf-8")
        _run(["systemctl", "--user", "daemon-reload"])
        _run(["systemctl", "--user", "enable", "--now", f"{NAME}.timer"])
        print(f"{folder / NAME}.timer, daily at {config.at}; to run while logged out: loginctl enable-linger")
    elif config.how == "cron":
        if shutil.which("crontab") is None:
            raise FathomError("how=cron: there is no crontab on this machine; install cron, or take how=systemd")
        now = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False).stdout
        _run(["crontab", "-"], with_crontab_line(now, command, config.at, log))
        print(f"a line of the crontab, daily at {config.at}")
    else:
        file = ROOT / ".github" / "workflows" / "nightly.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(workflow(config.arguments, config.at), encoding="utf-8")
        print(f"{file}: commit it; its runner keeps mlruns/ between nights, so it has to be a self-hosted one")


def systemd_units(command: str, at: str, log: Path) -> dict[str, str]:
    """The service and its timer, by file name. A night that the machine slept through is made up for."""
    service = f"""[Unit]
Description=Fathom: tonight's sweep against the nights before

[Service]
Type=oneshot
WorkingDirectory={ROOT}
ExecStart={command}
StandardOutput=truncate:{log}
StandardError=truncate:{log}
"""
    timer = f"""[Unit]
Description=Fathom, every night

[Timer]
OnCalendar=*-*-* {at}:00
Persistent=true

[Install]
WantedBy=timers.target
"""
    return {f"{NAME}.service": service, f"{NAME}.timer": timer}


def with_crontab_line(crontab: str, command: str, at: str, log: Path) -> str:
    """The crontab with the nightly line as its last; an earlier one is taken out, everything else stays."""
    hour, minute = at.split(":")
    mark = f"# {NAME} {ROOT}"
    kept = [line for line in crontab.splitlines() if not line.endswith(mark)]
    said = shlex.quote(str(log))
    # Cron heeds no exit status; what a command says it sends by mail. In a crontab a per cent sign ends the command.
    line = f"cd {shlex.quote(str(ROOT))} && {command} > {said} 2>&1 || cat {said}".replace("%", r"\%")
    return "\n".join([*kept, f"{int(minute)} {int(hour)} * * * {line} {mark}"]) + "\n"


def workflow(arguments: list[str], at: str) -> str:
    """A GitHub workflow for a runner that keeps its working directory."""
    hour, minute = at.split(":")
    return f"""name: nightly
on:
  schedule: [{{cron: "{int(minute)} {int(hour)} * * *"}}]
  workflow_dispatch:
concurrency: {NAME}
jobs:
  nightly:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@v4
        with: {{clean: false}}   # mlruns/ holds the nights before
      - run: make .venv/.ready
      - run: .venv/bin/{shlex.join(["python", "src/nightly.py", *arguments])}
      - uses: actions/upload-artifact@v4
        if: always()
        with: {{name: nightly, path: multirun/nightly}}
"""


def _run(command: list[str], text: str | None = None) -> None:
    try:
        subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise FathomError(
            f"{' '.join(command)}: {said.strip()}; take another scheduler (how=systemd, cron or workflow)"
        ) from error
