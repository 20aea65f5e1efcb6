"""Runs one program that dies with its supervisor, also when that is killed at once (kill -9).

Started as a file of its own, by path, so that it loads nothing of Hansa. On Linux the kernel is asked to kill
this process when its parent goes, and it then becomes the program. Elsewhere it stays beside the program and
ends it when the line to the supervisor (standard input) breaks.

    python supervision_shim.py SUPERVISOR_PID PROGRAM ARGUMENT…
"""

import os
import subprocess
import sys
import threading

PR_SET_PDEATHSIG, SIGKILL = 1, 9
GONE = 125
"""Exit code where the supervisor went before the program began."""

UNUSABLE = 127
"""Where the program cannot be run, as a shell has it."""


def main() -> int:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes

        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0:
            if os.getppid() != parent:  # It went between our start and the call.
                return GONE
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            try:
                os.execv(command[0], command)
            except OSError as error:
                return _unusable(command[0], error)
    try:
        return _beside(command)
    except OSError as error:
        return _unusable(command[0], error)


def _unusable(program: str, error: OSError) -> int:
    print(f"{program}: {error.strerror}", flush=True)
    return UNUSABLE


def _beside(command: list[str]) -> int:
    """Wait for the program, or for the line to the supervisor to break."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def watch() -> None:
        while os.read(0, 1):
            continue
        child.kill()

    import signal

    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
