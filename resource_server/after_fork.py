"""What must be made anew in a forked child: threads do not live on there, and a lock may have been held by one of them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def begin_in_child(begin: Callable[[], None]) -> None:
    """Call `begin`, a bound method, in every child that is forked while its object lives."""
    if hasattr(os, "register_at_fork"):
        alive = weakref.WeakMethod(begin)
        os.register_at_fork(after_in_child=lambda: _call(alive))


def _call(method: weakref.WeakMethod[Callable[[], None]]) -> None:
    begin = method()
    if begin is not None:
        begin()
