"""Passwords: which are acceptable, how they are stored and compared."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth_server.accounts.passwords import MAX_BYTES, Argon2Cost, Passwords
from tests.support.people import CHEAP, PASSWORD, WRONG, CountingPool

pytestmark = pytest.mark.anyio


def some_passwords(**arguments) -> Passwords:
    return Passwords(CountingPool(), **({"cost": CHEAP, "issuer": "https://id.sealwright.example"} | arguments))


async def test_a_password_matches_its_digest_and_no_other_does() -> None:
    passwords = some_passwords()
    digest = await passwords.hash(PASSWORD)

    assert await passwords.matches(digest, PASSWORD)
    assert not await passwords.matches(digest, WRONG)


async def test_the_default_cost_is_written_into_the_digest() -> None:
    """OWASP's second setting: Argon2id, 19 MiB, two passes, one lane; the library's own default is 64 MiB and four lanes."""
    digest = await Passwords(CountingPool()).hash(PASSWORD)

    assert digest.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_comparison_with_nobody_does_the_same_work_and_fails() -> None:
    pool = CountingPool()
    passwords = Passwords(pool, cost=CHEAP)

    assert not await passwords.matches(None, PASSWORD)
    assert pool.works == 1


async def test_nobodys_digest_has_todays_parameters() -> None:
    """Otherwise a name without an account would be told by the time its refusal takes."""
    passwords = some_passwords(cost=Argon2Cost(memory_kib=16, passes=3, lanes=1))

    assert not passwords.is_outdated(passwords._dummy)
    assert passwords._dummy.startswith("$argon2id$v=19$m=16,t=3,p=1$")
    assert len(passwords._dummy) == len(await passwords.hash(PASSWORD))


@pytest.mark.parametrize("password", ["x" * (MAX_BYTES + 1), "é" * (MAX_BYTES // 2 + 1), "\ufdfa" * 300, "\ud800" * 20])
async def test_what_cannot_be_a_password_is_wrong_after_the_same_work(password: str) -> None:
    pool = CountingPool()
    passwords = Passwords(pool, cost=CHEAP)
    digest = await passwords.hash("")
    pool.works = 0

    assert not await passwords.matches(digest, password)
    assert pool.works == 1
    with pytest.raises(ValueError, match="not an acceptable password"):
        await passwords.hash(password)
    assert await passwords.faults(password, names=()) == ("It must be text of at most 1024 bytes in UTF-8.",)


async def test_a_spoiled_digest_matches_nothing() -> None:
    assert not await some_passwords().matches("not a digest", PASSWORD)


async def test_digests_of_other_parameters_are_outdated() -> None:
    dearer = some_passwords(cost=Argon2Cost(memory_kib=16, passes=1, lanes=1))
    digest = await some_passwords().hash(PASSWORD)

    assert dearer.is_outdated(digest)
    assert await dearer.matches(digest, PASSWORD)
    assert not dearer.is_outdated(await dearer.hash(PASSWORD))


async def test_one_password_typed_on_two_keyboards_is_the_same() -> None:
    """NIST SP 800-63B section 3.1.1.2: normalise before hashing."""
    passwords = some_passwords()
    digest = await passwords.hash("crème brûlée ﬁve times")

    assert await passwords.matches(digest, unicodedata.normalize("NFD", "crème brûlée five times"))


@given(st.text(max_size=60), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
@settings(max_examples=60, deadline=None)
def test_every_form_of_a_password_matches_the_digest_of_another(password: str, form: str) -> None:
    passwords = some_passwords()

    async def hash_and_match() -> bool:
        return await passwords.matches(await passwords.hash(password), unicodedata.normalize(form, password))

    if not any(0xD800 <= ord(character) < 0xE000 for character in password):
        assert asyncio.run(hash_and_match())


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "my dog is brown and large",
        "αλήθεια και ψέματα 7",
        "x7#kQ9!pLw2@vR4",
        "aaaaaaaaaaaaaaaaaaaaaaaa then something nobody knows",
        "four words and " * 60,
    ],
)
async def test_long_passwords_of_any_composition_are_acceptable(password: str) -> None:
    assert await some_passwords().faults(password, names=("alice", "alice@example.com")) == ()


@pytest.mark.parametrize(
    "password",
    ["passwordpassword", "aaaaaaaaaaaaaaaaaaaa", "123456789012345678", "qwertyuiopasdfgh", "Summer2026Summer2026", "a" * 1024],
)
async def test_common_and_repeated_passwords_are_refused(password: str) -> None:
    assert (await some_passwords().faults(password, names=()))[0] == "It is too easy to guess."


@pytest.mark.parametrize(
    "password",
    [
        "ALICE and a rabbit hole",
        "my alice@example.com word",
        "so bob.smith-fan 4 ever",
        "sealwright rabbit hole",
        "id.sealwright.example 7",
    ],
)
async def test_names_in_a_password_are_refused(password: str) -> None:
    faults = await some_passwords().faults(password, names=("alice", "alice@example.com", "Bob.Smith-Fan", None))

    assert faults == ("It must not contain your user name, your mail address or the name of this site.",)


async def test_a_short_name_may_occur_by_chance() -> None:
    assert await some_passwords().faults("a rabbit in a boat 42", names=("a", "bo@x.io")) == ()


@pytest.mark.parametrize("length, acceptable", [(14, False), (15, True)])
async def test_a_sole_factor_has_at_least_15_characters(length: int, acceptable: bool) -> None:
    """NIST SP 800-63B section 3.1.1.2. Characters are counted after normalisation, not bytes."""
    password = "ж8#кЦ9!пЛв2@рЯ4щ"[:length]

    assert (await some_passwords().faults(password, names=()) == ()) is acceptable


async def test_the_least_length_can_be_set_but_never_below_eight() -> None:
    assert await some_passwords(min_length=8).faults("k9#Qv!7z", names=()) == ()
    with pytest.raises(ValueError, match="never below 8"):
        some_passwords(min_length=7)


async def test_an_operator_may_insist_on_a_weak_password_of_eight_characters() -> None:
    passwords = some_passwords()

    assert await passwords.faults("password", names=("password",), may_be_weak=True) == ()
    assert await passwords.faults("passwor", names=(), may_be_weak=True) == ("It must have at least 8 characters.",)
