"""From bytes to a verified token, in five steps. The only function that makes one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from resource_server.verifier import compact as compact_form
from resource_server.verifier.claims import check_claims
from resource_server.verifier.errors import AlgorithmNotAllowed, MalformedToken, MissingClaim, WrongIssuer
from resource_server.verifier.key_set import KeySet
from resource_server.verifier.policy import Policy
from resource_server.verifier.profile import RFC9068, Profile
from resource_server.verifier.signature import bad_signature
from resource_server.verifier.strict_json import FrozenObject, parse_members, parse_object
from resource_server.verifier.token import VerifiedToken, seal
from shared import base64url


def verify(compact: bytes, key_set: KeySet, policy: Policy, now: int) -> VerifiedToken:
    """Return the verified token that `compact` is, or refuse it.

    Total: any bytes give a token or a `TokenRefused`, and nothing else.

    Args:
        now: seconds since the epoch.

    Raises:
        TokenRefused: the class and its `reason` say why.

    Source: RFC 9068 section 4, RFC 7515 section 5.2, RFC 8725.
    """
    # 1. Bounds and parts.
    header, payload, signing_input, signature = compact_form.split(compact)
    # 2. The key: the header of a token whose signature was good is known whole, so it needs no second reading.
    profile = policy.profile
    accepted = key_set.accepted_headers.get(header)
    is_new = False
    if accepted is None or accepted[1] is not profile:
        key, is_new = key_set.find(_checked_header(header, policy)), True
    elif (key := accepted[0]).algorithm not in policy.algorithms:
        raise AlgorithmNotAllowed(f"got alg {key.algorithm!r} (setting: algorithms)")
    # 3. The signature, before the payload is read. It is taken out of base64url already, right behind the signature: an RSA operation
    # leaves the processor's caches to itself, and behind it the same costs half a microsecond more.
    try:
        octets = base64url.decode(payload)
    except ValueError as error:
        raise MalformedToken(f"payload: {error}") from error
    if not key.is_signature(signing_input, signature):
        raise bad_signature(key)
    if is_new:
        key_set.remember(header, key, profile)
    # 4. The payload.
    try:
        claims = parse_members(octets)
    except ValueError as error:
        raise MalformedToken(f"payload: {error}") from error
    # 5. The claims, under the names of RFC 9068.
    read = claims if profile is RFC9068 else profile.read(FrozenObject(claims), policy.audiences)
    check_claims(read, policy, now)
    valid_from = read["iat"]
    if "nbf" in read and read["nbf"] > valid_from:
        valid_from = read["nbf"]
    return seal(claims, read, profile, key.key_id, valid_from)


@dataclass(frozen=True, slots=True)
class UnverifiedIssuer:
    """What a token says its issuer is. Good for choosing who shall judge it, and no function takes it for more."""

    text: str


def peek_issuer(compact: bytes, profiles: Iterable[Profile] = (RFC9068,)) -> UnverifiedIssuer:
    """Return the `iss` of a token whose form and header are acceptable in one of the profiles; nothing is verified.

    Raises:
        TokenRefused: what no key could make good.
    """
    header, payload, _, _ = compact_form.split(compact)
    compact_form.parse_header(
        header,
        frozenset().union(*(profile.token_types for profile in profiles)),
        frozenset().union(*(profile.ignored_headers for profile in profiles)),
    )
    try:
        issuer = parse_object(base64url.decode(payload)).get("iss")
    except ValueError as error:
        raise MalformedToken(f"payload: {error}") from error
    if type(issuer) is not str:
        raise MissingClaim("no claim 'iss'") if issuer is None else WrongIssuer("claim 'iss' is no string")
    return UnverifiedIssuer(issuer)


def find_key_id(compact: bytes, policy: Policy) -> str:
    """Return the `kid` of a token whose form and header are acceptable; nothing is verified.

    Raises:
        TokenRefused: what no key could make good.
    """
    header, _, _, _ = compact_form.split(compact)
    return _checked_header(header, policy).key_id


def _checked_header(segment: bytes, policy: Policy) -> compact_form.Header:
    header = compact_form.parse_header(segment, policy.profile.token_types, policy.profile.ignored_headers)
    if header.algorithm not in policy.algorithms:
        allowed = ", ".join(sorted(policy.algorithms))
        raise AlgorithmNotAllowed(f"got alg {header.algorithm!r}, allowed: {allowed} (setting: algorithms)")
    return header
