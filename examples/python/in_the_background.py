"""Record without waiting: one line for each function that decides. Nothing is lost when the server is
away, or this process is killed: what is not acknowledged is in the spool, and sent the next time.

    npm run dev
    PYTHONPATH=src/sdk/python python3 examples/python/in_the_background.py /var/tmp/loopgrid-spool
"""

import sys

from loopgrid import LoopGrid, UndeliveredError

grid = LoopGrid(service_name="router", spool_dir=sys.argv[1])


@grid.decision("ticket_routing", model={"provider": "rules", "name": "router-v7"})
def route(ticket):
    return "billing" if "charged" in ticket else "general"


for ticket in ("I was charged twice", "How do I log in?", "You charged me for two"):
    print(f"{route(ticket):8} {ticket}")

try:
    grid.close()
except UndeliveredError as error:
    print(f"later: {error}")
print(grid.counters)
