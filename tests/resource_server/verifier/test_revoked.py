"""What is revoked, and which tokens that means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_server.verifier import revoked as module
from resource_server.verifier.errors import RevokedKey, RevokedToken, TokenRefused
from resource_server.verifier.revoked import Revoked, TooManyRevocations
from resource_server.verifier.token import VerifiedToken
from resource_server.verifier.verify import verify
from shared.revocation import BOUNDED, RevocationEntry, RevocationKind
from tests.resource_server.calls import counted_calls
from tests.resource_server.support import NOW, a_key_set, a_policy, a_token, claims

KEYS = {
    RevocationKind.KID: "one",
    RevocationKind.GRANT: "grant-1",
    RevocationKind.SID: "session-1",
    RevocationKind.TOKEN: "token-1",
    RevocationKind.SUBJECT: "alice",
    RevocationKind.CLIENT: "app",
    RevocationKind.ALL: "",
}
KEY_SET, POLICY = a_key_set(), a_policy()


def _token(**members: object) -> VerifiedToken:
    payload = claims(grant_id="grant-1", sid="session-1", **members)
    return verify(a_token(payload), KEY_SET, POLICY, NOW)


def _entry(kind: RevocationKind, key: str, not_before: int = NOW, until: int = NOW + 720) -> RevocationEntry:
    return RevocationEntry(kind, key, until, not_before if kind in BOUNDED else None)


def _revoked(*entries: RevocationEntry) -> Revoked:
    revoked = Revoked()
    for entry in entries:
        revoked.add(entry)
    return revoked


@pytest.mark.parametrize("kind", RevocationKind)
def test_an_entry_of_each_kind_ends_the_token_it_names(kind: RevocationKind) -> None:
    expected = RevokedKey if kind is RevocationKind.KID else RevokedToken

    with pytest.raises(expected) as refused:
        _revoked(_entry(kind, KEYS[kind])).check(_token())

    assert refused.value.status == 401


@pytest.mark.parametrize("kind", [kind for kind in RevocationKind if kind is not RevocationKind.ALL])
def test_an_entry_ends_no_other_token(kind: RevocationKind) -> None:
    """In particular none that bears the same text under another claim."""
    others = [_entry(other, KEYS[kind]) for other in RevocationKind if other not in (kind, RevocationKind.ALL)]

    _revoked(_entry(kind, "somebody-else"), *others).check(_token())


@pytest.mark.parametrize("kind", sorted(BOUNDED))
@pytest.mark.parametrize("issued_at, is_dead", [(NOW - 1, True), (NOW, True), (NOW + 1, False)])
def test_a_token_of_the_very_second_is_dead_and_one_of_the_next_lives(
    kind: RevocationKind, issued_at: int, is_dead: bool
) -> None:
    revoked, token = _revoked(_entry(kind, KEYS[kind])), _token(iat=issued_at)

    if is_dead:
        with pytest.raises(RevokedToken):
            revoked.check(token)
    else:
        revoked.check(token)


def test_an_earlier_bound_does_not_take_a_later_one_back() -> None:
    subject = RevocationKind.SUBJECT
    revoked = _revoked(_entry(subject, "alice", NOW, NOW + 720), _entry(subject, "alice", NOW - 60, NOW + 660))
    revoked.forget(NOW + 700)

    with pytest.raises(RevokedToken):
        revoked.check(_token())


def test_a_token_without_a_session_or_grant_matches_no_entry_of_them() -> None:
    bare = verify(a_token(claims()), KEY_SET, POLICY, NOW)

    _revoked(_entry(RevocationKind.SID, ""), _entry(RevocationKind.GRANT, "None")).check(bare)


def test_what_can_match_nothing_any_more_is_forgotten_but_never_a_burned_key() -> None:
    revoked = _revoked(*(_entry(kind, KEYS[kind]) for kind in RevocationKind))

    revoked.forget(NOW + 720)
    kept = len(revoked)
    revoked.forget(NOW + 721)

    assert (kept, len(revoked), revoked.any) == (7, 1, True)
    with pytest.raises(RevokedKey):
        revoked.check(_token())


def test_an_issuer_cannot_fill_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 2)
    revoked = _revoked(_entry(RevocationKind.SID, "a"), _entry(RevocationKind.SID, "b"))

    revoked.add(_entry(RevocationKind.SID, "a"))
    with pytest.raises(TooManyRevocations):
        revoked.add(_entry(RevocationKind.SID, "c"))


def test_a_look_costs_the_same_however_much_is_revoked() -> None:
    few = _revoked(_entry(RevocationKind.SID, "x"))
    many = _revoked(*(_entry(kind, f"x{n}") for kind in RevocationKind if kind is not RevocationKind.ALL for n in range(2_000)))
    one, another = _token(), _token()  # the first look freezes the claims

    assert counted_calls(lambda: many.check(one)) == counted_calls(lambda: few.check(another)) <= 12


entries = st.builds(
    _entry,
    st.sampled_from(RevocationKind),
    st.sampled_from([*KEYS.values(), "other"]),
    st.integers(NOW - 100, NOW + 100),
    st.integers(NOW - 100, NOW + 1000),
)


@given(st.lists(entries, max_size=8), st.lists(entries, max_size=8))
def test_more_entries_never_let_a_token_live_that_was_dead(some: list[RevocationEntry], more: list[RevocationEntry]) -> None:
    token = _TOKEN

    if _refusal(_revoked(*some), token) is not None:
        assert _refusal(_revoked(*some, *more), token) is not None


@given(st.lists(entries, max_size=8))
def test_what_is_kept_elsewhere_and_taken_back_refuses_the_same(some: list[RevocationEntry]) -> None:
    first = _revoked(*some)
    second = _revoked(*first.entries())

    assert (_refusal(first, _TOKEN) is None) == (_refusal(second, _TOKEN) is None)
    assert set(first.entries()) == set(second.entries())


def _refusal(revoked: Revoked, token: VerifiedToken) -> type[TokenRefused] | None:
    try:
        revoked.check(token)
    except TokenRefused as refusal:
        return type(refusal)
    return None


_TOKEN = _token()
