"""The caller of the work at hand, for code that is handed no request: workers, gRPC methods, Flask views."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from resource_server.guard import Guard
    from resource_server.principal import Principal

# Which guard vouched for the caller stands beside the caller: no guard takes another's word.
_CURRENT: Final[ContextVar[tuple[Guard, Principal] | None]] = ContextVar("resource_server_current", default=None)


def find_current(guard: Guard) -> Principal:
    """Return the caller that this guard has let in here.

    Raises:
        LookupError: there is none.
    """
    held = _CURRENT.get()
    if held is not None and held[0] is guard:
        return held[1]
    flask = sys.modules.get("flask")
    if flask is not None and flask.has_request_context():
        from resource_server.adapters.wsgi import find_principal

        who = find_principal(flask.request.environ, guard)
        if who is not None:
            return who
    raise LookupError("this guard has let nobody in here; ask where a request is under way that it guards")


def let_in(guard: Guard, who: Principal) -> None:
    """Note the caller for the rest of this context, which belongs to one request alone."""
    _CURRENT.set((guard, who))


@contextmanager
def inside(guard: Guard, who: Principal) -> Iterator[None]:
    """Note the caller for as long as this lasts."""
    token = _CURRENT.set((guard, who))
    try:
        yield
    finally:
        _CURRENT.reset(token)
