"""An issuer for the tests of an API: the real one, in this process, whose faults come on command.

Owns the front over which it answers, faults, and a key-only stand-in for where the auth server is not installed. Refuses to know the auth
server: it is found through the entry point `sealwright.test_issuer`, never imported. For tests alone; pytest itself comes in only with the
plugin.

    from resource_server.testing import start_issuer

    with start_issuer() as issuer:
        guard = issuer.guard()
        guard.verify(issuer.token(scope="notes:read"))
"""

from resource_server.testing.asking import eventually, reason_of
from resource_server.testing.contract import NeedsAuthServer
from resource_server.testing.issuer import RunningIssuer, start_issuer

__all__ = ["NeedsAuthServer", "RunningIssuer", "eventually", "reason_of", "start_issuer"]
