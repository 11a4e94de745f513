"""An application under load while its server dies and comes back: enqueues a record every few
milliseconds for some seconds, then flushes, and prints what its client counted.

    load.py URL SERVICE SECONDS (SPOOL_DIR | -)
"""

import json
import sys
import time

from loopgrid import LoopGrid, UndeliveredError

url, service, seconds, spool_dir = sys.argv[1:]
#: Without a spool the memory is small, so that something is lost.
bounds = {"queue_records_max": 300} if spool_dir == "-" else {"spool_dir": spool_dir}
grid = LoopGrid(url, service, exit_timeout_ms=0, **bounds)
end = time.monotonic() + float(seconds)
taken = []
n = 0
while time.monotonic() < end:
    if grid.enqueue("load", {"n": n}, {"provider": "none", "name": "none"}, {"n": n}):
        taken.append(n)
    n += 1
    if n == 100:
        print("loading", flush=True)
    time.sleep(0.003)
failure = None
try:
    grid.close(timeout_s=60)
except UndeliveredError as error:
    failure = str(error)
print(json.dumps({"taken": taken, "counters": grid.counters, "failure": failure}))
