"""What the programs for Python have in common: steps that are told when they fail, and a deadline, since what hangs says nothing."""

import faulthandler
import os
import sys
import time
import traceback

PORT = int(os.environ["TRENCADIS_PORT"])
# Words of steps that this server is not to be asked for.
WITHOUT = os.environ.get("TRENCADIS_WITHOUT", "").split()
URL = f"redis://127.0.0.1:{PORT}/0"


def run(steps):
    """Runs one step after the other. One that takes longer than a minute ends the program, which shows where it was."""
    for name, step in steps.items():
        if any(word in name for word in WITHOUT):
            continue
        faulthandler.dump_traceback_later(60, exit=True)
        try:
            step()
        except BaseException:
            print(f"{name}:\n{traceback.format_exc()}", file=sys.stderr)
            os._exit(1)
        faulthandler.cancel_dump_traceback_later()
    # What a step left open does not keep the program alive.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def until(what, holds):
    """Waits for something that another connection brings about."""
    for _ in range(2000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError(f"waited in vain for {what}")
