"""A key that is burned, restored over or imported at the issuer, as a resource server sees it: real bytes, real cache, real verifier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from auth_server.keys import jws
from auth_server.keys.key_documents import ForeignKey, read_keys
from resource_server.jwks.cache import KeyCache, Landing, Step
from resource_server.verifier.errors import RevokedKey
from resource_server.verifier.key_set import parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.verify import verify
from shared.jose import ED25519
from tests.support.backups import back_up, restore
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.foreign_keys import KEYS, public_pem
from tests.support.keys import ISSUER, POLICY, Replica, header_of

API: Final = "https://api.example"
ALGORITHMS: Final = frozenset({ED25519})
V: Final = POLICY.timings.retire_after


class Api:
    """A resource server's keys: the pure cache over what the issuer serves."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._policy = Policy(issuer=ISSUER, audiences=frozenset({API}), algorithms=ALGORITHMS)
        self.cache = KeyCache(refresh_every=240, max_stale=86_400, random=lambda: 0.5)

    def fetch(self) -> Landing:
        """Ask the issuer for its key set."""
        now = self._replica.clock.monotonic()
        self.cache.depart(now, demanded=False)
        return self.cache.land(parse_key_set(self._replica.keyring.jwks()[0], ALGORITHMS), now)

    def accept(self, token: str) -> str:
        """Verify a token with the keys at hand; its subject."""
        kid = header_of(token)["kid"]
        assert self.cache.plan(kid, self._replica.clock.monotonic()) is Step.USE
        return verify(token.encode(), self.cache.view.key_set, self._policy, self._replica.clock.now()).subject


async def a_token(replica: Replica) -> str:
    now = replica.clock.now()
    return await replica.sign(iss=ISSUER, aud=API, client_id="app", jti="1", exp=now + 600)


def _signed_elsewhere(kid: str, now: int) -> str:
    """A token of the former issuer, which had the same `iss`."""
    claims = {"iss": ISSUER, "aud": API, "sub": "alice", "client_id": "app", "jti": "2", "iat": now, "exp": now + 600}
    signed = jws.signing_input(jws.header_segment(alg=ED25519, typ="at+jwt", kid=kid), claims)
    return jws.compact(signed, KEYS[ED25519].sign(signed))


@pytest.fixture
async def replica(database: Database, tmp_path: Path, clock: FakeClock) -> Replica:
    made = await Replica(database, journal=tmp_path / "published-keys.journal").start()
    clock.advance(POLICY.timings.publish_ahead + 1)
    await made.keyring.refresh()
    return made


@pytest.fixture
def api(replica: Replica) -> Iterator[Api]:
    made = Api(replica)
    made.fetch()
    yield made
    replica.keyring.close()


async def test_a_burned_key_is_refused_from_the_next_fetch_on_and_its_successor_is_known_already(
    replica: Replica, api: Api, clock: FakeClock
) -> None:
    burned = await a_token(replica)
    assert api.accept(burned) == "alice"
    await replica.burning.burn(header_of(burned)["kid"], reason="stolen")
    await replica.keyring.refresh()
    under_the_successor = await a_token(replica)
    assert api.accept(under_the_successor) == "alice"  # held since it was the standby: no fetch was needed

    clock.advance(2)
    assert api.fetch() is Landing.ADOPTED

    with pytest.raises(RevokedKey):
        api.accept(burned)
    assert api.accept(under_the_successor) == "alice"


async def test_no_answer_of_an_older_database_revives_it(
    database: Database, replica: Replica, api: Api, clock: FakeClock
) -> None:
    """K7 and K8: not while nobody has noticed, not in the halt, not after the restore was finished."""
    burned = await a_token(replica)
    back_up(database)
    await replica.burning.burn(header_of(burned)["kid"], reason="stolen")
    await replica.keyring.refresh()
    good = await a_token(replica)
    clock.advance(2)
    api.fetch()
    restore(database)

    late = Api(replica)  # it starts after the restore, and remembers nothing
    for settle in (replica.keyring.refresh, replica.restore.finish, replica.rotation.tick):
        await settle()
        await replica.keyring.refresh()
        clock.advance(2)
        for server in (api, late):
            assert server.fetch() in {Landing.ADOPTED, Landing.UNCHANGED}
            assert server.accept(good) == "alice"
            with pytest.raises(RevokedKey):
                server.accept(burned)
    for server in (api, late):
        assert server.accept(await a_token(replica)) == "alice"


async def test_tokens_of_a_former_issuer_are_accepted_until_its_time(replica: Replica, api: Api, clock: FakeClock) -> None:
    (key,) = read_keys(public_pem(KEYS[ED25519]))
    former = ForeignKey("its own name", key.alg, key.public_jwk)
    await replica.importing.import_public([former], note="the old server", not_after_ms=clock.ms + 3_600_000)
    await replica.keyring.refresh()

    clock.advance(2)
    api.fetch()
    assert api.accept(_signed_elsewhere("its own name", clock.now())) == "alice"

    clock.advance(3_601)
    await replica.rotation.tick()
    await replica.keyring.refresh()
    api.fetch()
    assert "its own name" not in api.cache.view.key_set.keys
