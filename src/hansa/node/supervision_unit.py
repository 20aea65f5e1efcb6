"""The systemd unit of a node: printed, for the member's IT to read and to put in place."""

import os
import shlex
import sys
from pathlib import Path

from hansa.node.engine_binary import NAMED

STOP_S = 90
"""The engine ends first, then the application decides what waits: longer than both may take."""
FILES_MAX = 65_536
TEXT = """\
# {description}
#   hansa node unit {directory} --user {user} | sudo tee /etc/systemd/system/{name}.service
#   sudo systemctl daemon-reload && sudo systemctl enable --now {name}
# Logs, a JSON object a line: journalctl -u {name} -f
[Unit]
Description={description}
Wants=network-online.target time-sync.target
After=network-online.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
Environment={engine_variable}={engine}
Environment=PYTHONUNBUFFERED=1
ExecStart={program} node run {quoted}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=5
KillMode=mixed
TimeoutStopSec={stop_s}
LimitNOFILE={files_max}
UMask=0077
# Nothing but its own folder can be written, and no more rights can be had.
ProtectSystem=strict
ReadWritePaths={quoted}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


def unit(directory: Path, member: str, user: str, engine: Path, program: str = "") -> tuple[str, str]:
    """(name of the service, text of its unit). `program`: how `hansa` is started; by default as now."""
    name = f"hansa-{member}"
    folder = directory.resolve()
    text = TEXT.format(
        description=f"Hansa node of {member}",
        directory=folder,
        quoted=_quoted(str(folder)),
        name=name,
        user=user,
        engine_variable=NAMED,
        engine=engine,
        program=program or _program(),
        stop_s=STOP_S,
        files_max=FILES_MAX,
    )
    return name, text


def _quoted(path: str) -> str:
    """As systemd reads it: % begins a specifier there."""
    text = path.replace("%", "%%")
    return text if " " not in text else '"' + text.replace('"', '\\"') + '"'


def _program() -> str:
    """The command beside this Python, else this Python with the command's function."""
    beside = Path(sys.executable).with_name("hansa.exe" if os.name == "nt" else "hansa")
    if beside.is_file():
        return str(beside)
    return f"{sys.executable} -c {shlex.quote('from hansa.cli.main import main; main()')}"
