"""`auth-server token ...`: look into a token, or end it."""

from __future__ import annotations

import argparse
import json
from hmac import compare_digest
from typing import Final

from auth_server.cli.command import Answer, Command, CommandFailed, ExitCode, refused
from auth_server.cli.inputs import read_argument
from auth_server.cli.opened import over_services
from auth_server.cli.plain_text import fields, timestamp, when
from auth_server.cli.token_report import Decoded, decode, matching_entries, seconds_of, signature_fault
from auth_server.protocol.client import FIRST_PARTY_CLIENT_ID
from auth_server.protocol.errors import InvalidGrant
from auth_server.protocol.refresh import PREFIX, Family, RefreshToken, is_live
from auth_server.revocation.promise import promise
from auth_server.services import Services
from auth_server.store.refresh_tokens import FamilyFacts
from auth_server.store.transaction import Transaction
from auth_server.tokens.local_verifier import NotOurs
from auth_server.tokens.revocation import end_access_token
from auth_server.web.request_facts import RequestFacts
from shared.log_line import neutralise
from shared.revocation import RevocationEntry

# What stands in the audit log where a request would have its address.
_HERE: Final = RequestFacts("command-line", "command-line")
_PAGE: Final = 1000
_STATUS_WORDS: Final = {
    "current": "the newest of its family",
    "previous": "rotated out just now; good for a retry within the grace",
    "rotated_out": "whoever presents it ends the family",
    "revoked": "its family was ended",
    "expired": "its family is over",
    "session_over": "the session that it hangs on is over",
    "account_disabled": "the account is disabled",
}
_TIMES: Final = (("iat", "issued"), ("auth_time", "signed in"), ("nbf", "not before"), ("exp", "expires"))


async def _inspect(services: Services, given: argparse.Namespace) -> Answer:
    text = read_argument(given.token)
    if text.startswith(PREFIX):
        return await _inspect_refresh_token(services, text)
    token = decode(text)
    if token is None:
        raise refused("this is neither a JWT nor a refresh token of ours", error="not_a_token")
    faults = await _faults(services, token)
    now_ms = services.store.clock.now_ms()
    times = {claim: at for claim, _ in _TIMES if (at := seconds_of(token, claim)) is not None}
    document: dict[str, object] = {
        "kind": "jwt",
        "decoded_not_verified": {"header": token.header, "claims": token.claims},
        "times": {claim: timestamp(at * 1000) for claim, at in times.items()},
        "verified": not faults,
        "faults": faults,
    }
    words = fields([(word, when(times[claim] * 1000, now_ms)) for claim, word in _TIMES if claim in times])
    result = "ours and valid" if not faults else "\n".join(["NOT valid:", *(f"  - {neutralise(fault)}" for fault in faults)])
    text = f"decoded, not verified\n{_pretty(token)}\n\n{words}\n\nverified against our own keys: {result}"
    return Answer(document, text, code=ExitCode.OK if not faults else ExitCode.REFUSED)


async def _faults(services: Services, token: Decoded) -> list[str]:
    """Return every reason why a resource server of ours should refuse a token; of a foreign one only that it is foreign."""
    views = await services.store.read(lambda tx: tx.signing_keys.views())
    fault = signature_fault(token, {key.kid: key for view in views for key in view.keys})
    if fault is not None:
        return [fault]
    faults = []
    if token.claims.get("iss") != services.settings.issuer:
        faults.append(f"its issuer is not {services.settings.issuer}")
    expires_at = seconds_of(token, "exp")
    if expires_at is None or services.store.clock.now() >= expires_at:
        faults.append("it is expired")
    dead = matching_entries(token, await services.store.read(_feed))
    return faults + [f"the revocation feed names it dead ({entry.kind.value} {entry.key})" for entry in dead]


def _feed(tx: Transaction) -> list[RevocationEntry]:
    entries, number = [], 0
    while page := tx.revocations.since(number, _PAGE):
        entries += [numbered.entry for numbered in page]
        number = page[-1].number
    return entries


def _pretty(token: Decoded) -> str:
    parts = json.dumps({"header": token.header, "claims": token.claims}, indent=2)  # ASCII: nothing in it moves the cursor
    return "\n".join(f"  {line}" for line in parts.splitlines()[1:-1])


async def _inspect_refresh_token(services: Services, text: str) -> Answer:
    token = await _genuine(services, text)
    facts = await _family(services, token)
    if facts is None:
        return Answer(_document(token, None, "gone"), "a refresh token of ours; its family is gone", code=ExitCode.REFUSED)
    family, now_ms, status = facts.family, facts.now_ms, _status(token, facts)
    listed = fields(
        [
            ("status", f"{status}: {_STATUS_WORDS[status]}"),
            ("family", family.grant_id),
            ("generation", f"{token.seq} of {family.seq}"),
            ("client", family.client_id),
            ("sub", family.sub),
            ("session", family.sid or "none: it outlives the session"),
            ("scope", " ".join(sorted(family.scope))),
            ("resource", family.resource),
            ("signed in", when(family.auth_time * 1000, now_ms)),
            ("ends if idle", when(family.idle_expires_at, now_ms)),
            ("ends", when(family.absolute_expires_at, now_ms)),
        ]
    )
    code = ExitCode.OK if status in {"current", "previous"} else ExitCode.REFUSED
    return Answer(_document(token, family, status), f"a refresh token of ours\n\n{listed}", code=code)


def _status(token: RefreshToken, facts: FamilyFacts) -> str:
    family = facts.family
    if family.revoked_at is not None:
        return "revoked"
    if not is_live(family, facts.now_ms):
        return "expired"
    if not facts.account_live:
        return "account_disabled"
    if not facts.session_live:
        return "session_over"
    if compare_digest(token.digest, family.cur_hash):
        return "current"
    if family.prev_hash is not None and compare_digest(token.digest, family.prev_hash):
        return "previous"
    return "rotated_out"


def _document(token: RefreshToken, family: Family | None, status: str) -> dict[str, object]:
    document: dict[str, object] = {"kind": "refresh_token", "status": status, "generation": token.seq}
    if family is None:
        return document
    return document | {
        "grant_id": family.grant_id,
        "newest_generation": family.seq,
        "client_id": family.client_id,
        "sub": family.sub,
        "sid": family.sid,
        "scope": " ".join(sorted(family.scope)),
        "resource": family.resource,
        "revoked_at": timestamp(family.revoked_at),
        "idle_expires_at": timestamp(family.idle_expires_at),
        "absolute_expires_at": timestamp(family.absolute_expires_at),
    }


async def _genuine(services: Services, text: str) -> RefreshToken:
    await services.load_secrets()
    try:
        return services.families.read(text)
    except InvalidGrant as error:
        why = "it has the form of a refresh token and was not made here: forged, cut, or another server's"
        raise CommandFailed(ExitCode.REFUSED, "not_ours", why) from error


async def _family(services: Services, token: RefreshToken) -> FamilyFacts | None:
    """Return the token's family. Rows are found by family and client together, and the token does not say the client: ask for each."""
    idle_ms = int(services.settings.session_idle_lifetime * 1000)

    def look(tx: Transaction) -> FamilyFacts | None:
        names, after = [FIRST_PARTY_CLIENT_ID], ""
        while names:
            for name in names:
                facts = tx.refresh_tokens.load(token.family_id, name, idle_ms)
                if facts is not None:
                    return facts
            names = [client.client_id for client in tx.clients.after(after, _PAGE)]
            after = names[-1] if names else ""
        return None

    return await services.store.read(look)


async def _revoke(services: Services, given: argparse.Namespace) -> Answer:
    text = read_argument(given.token)
    if not text.startswith(PREFIX):
        return await _revoke_access_token(services, text)
    token = await _genuine(services, text)
    facts = await _family(services, token)
    family = None if facts is None else facts.family
    await services.store.run(lambda tx: services.families.end(tx, token.family_id, "revoked_by_operator", _HERE))
    ended = family is not None and family.revoked_at is None
    document = _document(token, family, "revoked" if family is not None else "gone") | {"changed": ended}
    return Answer(
        document,
        f"its family ended; it {promise(services.settings.key_policy)}" if ended else "its family had ended already",
    )


async def _revoke_access_token(services: Services, text: str) -> Answer:
    await services.keyring.refresh()
    try:
        token = await services.browser_flow.verifier.access_token(text)
    except NotOurs as fault:
        raise refused(f"it is no living access token of ours: {fault}", error="not_ours") from fault
    reason = "revoked_by_operator"
    await services.store.run(lambda tx: end_access_token(tx, services.feed, token, reason, facts=_HERE, actor="operator"))
    document = {"kind": "jwt", "jti": token.text("jti"), "client_id": token.text("client_id"), "changed": True}
    return Answer(document, f"the access token ended, and nothing else; it {promise(services.settings.key_policy)}")


def _token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "token", metavar="TOKEN", help="the token, or - to read it from standard input, where no process list shows it"
    )


COMMANDS: Final = (
    Command(
        "inspect",
        "look into a token",
        "Look into a token. A JWT is decoded first, which proves nothing, and then verified against our own keys and the revocation "
        "feed; of a refresh token its family is told. Exit code 0 when it would work, 1 when it would not.",
        ("pbpaste | auth-server token inspect -",),
        over_services(_inspect),
        _token,
    ),
    Command(
        "revoke",
        "end a token",
        "End a token before its time. Of a refresh token the whole family ends: every refresh token of that authorization, and its "
        "access tokens. An access token ends alone.",
        ("pbpaste | auth-server token revoke -",),
        over_services(_revoke),
        _token,
    ),
)
