"""Floor 10: this server inside the tests of somebody's API, found through the entry point `sealwright.test_issuer`.

Owns how it is started in a test's own process, and a clock that can be wrong. Refuses to know who tests, and is no part of serving: nothing
imports it.
"""

from auth_server.testing.in_process import start

__all__ = ["start"]
