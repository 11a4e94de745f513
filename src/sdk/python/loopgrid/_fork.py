"""What must not be shared with the child of a fork: locks, threads, sockets, numbers, files."""

from __future__ import annotations

import os
import weakref


class Forkable:
    def after_fork(self) -> None:
        """Called in the child, before any other code of it."""
        raise NotImplementedError


_ALIVE: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(thing: Forkable) -> None:
    _ALIVE.add(thing)


def _in_child() -> None:
    for thing in list(_ALIVE):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
