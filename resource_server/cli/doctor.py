"""`resource-server doctor`: everything a refusal may come from, looked at in order: settings, issuer, keys, timings, clock, audience.

It reads the issuer with the kit's own fetcher and parsers, so what it finds is what a guard finds. A token on standard input is explained
too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from resource_server.cli import explain
from resource_server.cli.codes import OK, UNHEALTHY, WRONG_SETTINGS
from resource_server.cli.feed_check import check_feed
from resource_server.cli.inputs import read_token_if_given
from resource_server.diagnosis.addresses import differences
from resource_server.diagnosis.report import Check, Mistake, Report, State, Verdict, unique
from resource_server.jwks.cache import HEALTHY_FACTOR
from resource_server.jwks.clock_distance import ahead_by
from resource_server.jwks.discovery import Metadata, metadata_addresses, parse_metadata
from resource_server.jwks.fetcher import Answer, FetchFailed, fetch
from resource_server.jwks.key_policy import OwnTiming, find_violations
from resource_server.jwks.state_file import StateFile, StateUnusable
from resource_server.settings import Settings
from resource_server.verifier import strict_json
from resource_server.verifier.key_set import NOT_ALLOWED, KeySet, parse_key_set
from resource_server.verifier.profile import PROFILES
from shared.settings import is_loopback

_NOT_FOUND: Final = 404
_SHOWN_KEYS: Final = 5
# What the network and whole seconds in `Date` may add to a measured distance.
_COARSE: Final = 2.0
_TITLE: Final = "resource-server doctor"


@dataclass(frozen=True, slots=True)
class Found:
    """One answer of the issuer: from where, what, and how far its clock is ahead of ours in seconds."""

    url: str
    body: bytes
    ahead: float | None


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Look at everything, tell, and return the exit code."""
    report = examine(settings)
    text = read_token_if_given()
    if text is not None:
        report = _with_token(report, explain.report_on(settings, text, _no_requirement(given)))
    explain.tell(_TITLE, report, as_json=given.json)
    return OK if report.verdict is Verdict.GOOD else UNHEALTHY


def tell_faults(faults: Sequence[str], *, as_json: bool) -> int:
    """Tell that the settings themselves are wrong, which leaves nothing else to look at; return the exit code."""
    checks = tuple(
        Check("settings", State.FAILED, detail=fault, todo="Correct the setting; `resource-server config check` lists them.")
        for fault in faults
    )
    explain.tell(_TITLE, Report(Verdict.REFUSED, "the settings are not right", checks), as_json=as_json)
    return WRONG_SETTINGS


def examine(settings: Settings) -> Report:
    """Return the report on settings and issuer."""
    mistakes: list[Mistake] = []
    checks = [_settings(settings)]
    ask = partial(fetch, insecure_http=settings.insecure_http)
    found = _find_metadata(settings, ask)
    if isinstance(found, Check):
        checks += [found, *(Check(name, State.NOT_REACHED) for name in ("issuer", "keys", "timings", "feed", "clock"))]
    else:
        checks.append(Check("reach", State.PASSED, got=f"metadata at {found.url}"))
        checks += _read_issuer(settings, found, ask, mistakes)
        checks.append(_clock(settings, found.ahead))
    checks += [_audience(settings), *_state(settings)]
    failed = [check.name for check in checks if check.state is State.FAILED]
    summary = f"failed: {', '.join(failed)}" if failed else "all is well"
    return Report(Verdict.REFUSED if failed else Verdict.GOOD, summary, tuple(checks), unique(mistakes))


def _settings(settings: Settings) -> Check:
    told = f"issuer {settings.issuer}, audience {settings.audience}, algorithms {', '.join(settings.algorithms)}"
    if settings.warnings:
        return Check("settings", State.WARNING, got=told, detail="; ".join(settings.warnings))
    return Check("settings", State.PASSED, got=told)


def _find_metadata(settings: Settings, ask: Callable[[str], Answer]) -> Found | Check:
    addresses = metadata_addresses(settings.issuer, settings.metadata_url)
    for position, url in enumerate(addresses):
        asked_at = time.time()
        try:
            answer = ask(url)
        except FetchFailed as error:
            if error.status == _NOT_FOUND and position + 1 < len(addresses):
                continue
            return _unreachable(settings, url, error)
        ahead = None if answer.date is None else ahead_by(answer.date, asked_at, time.time())
        return Found(url, answer.body or b"", ahead)
    raise AssertionError("there is always an address")


def _unreachable(settings: Settings, url: str, error: FetchFailed) -> Check:
    host = urlsplit(url).hostname
    if error.status is not None:
        todo = "Something answers there that is no issuer: check the address, and the proxy in front of it."
    elif is_loopback(host):
        todo = (
            "Start the issuer. In a container, localhost is the container itself: keep RESOURCE_SERVER_ISSUER, and set "
            "RESOURCE_SERVER_METADATA_URL to the issuer's name on the container network."
        )
    else:
        todo = f"Check that {host} resolves and answers from this machine; a private network name goes to RESOURCE_SERVER_METADATA_URL."
    setting = "RESOURCE_SERVER_METADATA_URL" if settings.metadata_url else "RESOURCE_SERVER_ISSUER"
    return Check("reach", State.FAILED, f"{url}: {error.cause}", "the issuer's metadata document", setting, None, todo)


def _read_issuer(settings: Settings, found: Found, ask: Callable[..., Answer], mistakes: list[Mistake]) -> list[Check]:
    """Return the checks of the issuer's name, its keys, its timings, and its feed."""
    try:
        metadata = parse_metadata(found.body, settings.issuer, settings.metadata_url, insecure_http=settings.insecure_http)
    except ValueError as error:
        checks = [_not_our_issuer(settings, found, error, mistakes)]
        return checks + [Check(name, State.NOT_REACHED) for name in ("keys", "timings", "feed")]
    key_set = _load_keys(settings, metadata, ask)
    if isinstance(key_set, Check):
        keys, feed = key_set, Check("feed", State.NOT_REACHED)
    else:
        keys, feed = _keys(key_set, settings), check_feed(settings, metadata, key_set, ask)
    return [Check("issuer", State.PASSED, got=settings.issuer), keys, _timings(settings, metadata), feed]


def _not_our_issuer(settings: Settings, found: Found, error: ValueError, mistakes: list[Mistake]) -> Check:
    try:
        named = strict_json.parse_object_with_space(found.body).get("issuer")
    except ValueError:
        named = None
    if not isinstance(named, str):
        todo = (
            "This is no metadata document: the address leads to something else (a login page, a proxy's error, another service)."
        )
        return Check("issuer", State.FAILED, None, "a metadata document", "RESOURCE_SERVER_ISSUER", str(error), todo)
    if named == settings.issuer:
        todo = "The issuer's metadata names no address of keys that may be fetched; see its `jwks_uri`."
        return Check("issuer", State.FAILED, named, settings.issuer, "RESOURCE_SERVER_INSECURE_HTTP", str(error), todo)
    mistakes += differences("issuer", named, settings.issuer)
    todo = f"If this is the right server, set RESOURCE_SERVER_ISSUER={named} to the letter; else fetch from the right one."
    return Check("issuer", State.FAILED, named, settings.issuer, "RESOURCE_SERVER_ISSUER", str(error), todo)


def _wanted(settings: Settings) -> str:
    return f"a key for {', '.join(settings.algorithms)}"


def _load_keys(settings: Settings, metadata: Metadata, ask: Callable[..., Answer]) -> KeySet | Check:
    wanted = _wanted(settings)
    try:
        return parse_key_set(ask(metadata.jwks_uri).body or b"", frozenset(settings.algorithms))
    except FetchFailed as error:
        todo = "The metadata came, the keys did not: check that this address answers from here."
        return Check(
            "keys", State.FAILED, f"{metadata.jwks_uri}: {error.cause}", wanted, "RESOURCE_SERVER_METADATA_URL", None, todo
        )
    except ValueError as error:
        todo = "The issuer publishes no key that this API may use: compare its algorithms with RESOURCE_SERVER_ALGORITHMS."
        return Check("keys", State.FAILED, f"{metadata.jwks_uri}: {error}", wanted, "RESOURCE_SERVER_ALGORITHMS", None, todo)


def _keys(key_set: KeySet, settings: Settings) -> Check:
    shown = ", ".join(f"{key.key_id} ({key.algorithm})" for key in list(key_set.keys.values())[:_SHOWN_KEYS])
    got = f"{len(key_set.keys)} usable: {shown}" + (f"; {len(key_set.revoked)} burned" if key_set.revoked else "")
    odd = [f"{key_id}: {why}" for key_id, why in key_set.skipped if why != NOT_ALLOWED]
    if odd:
        return Check(
            "keys",
            State.WARNING,
            got,
            _wanted(settings),
            detail=f"left out: {'; '.join(odd)}",
            todo="Tell the issuer's operators.",
        )
    return Check("keys", State.PASSED, got)


def _timings(settings: Settings, metadata: Metadata) -> Check:
    if metadata.key_policy is None:
        return Check("timings", State.PASSED, got="the issuer states none (`key_policy`): nothing to compare")
    own = OwnTiming(
        HEALTHY_FACTOR * settings.jwks_refresh, settings.leeway, settings.max_stale, PROFILES[settings.profile].max_lifetime
    )
    faults = find_violations(metadata.key_policy, own)
    if not faults:
        return Check(
            "timings", State.PASSED, got=f"refresh {settings.jwks_refresh:g} s, leeway {settings.leeway} s fit the issuer's"
        )
    return Check(
        "timings",
        State.FAILED,
        f"refresh {settings.jwks_refresh:g} s, leeway {settings.leeway} s, max_stale {settings.max_stale:g} s",
        "timings under which no valid token is refused while keys rotate",
        "RESOURCE_SERVER_JWKS_REFRESH, RESOURCE_SERVER_LEEWAY, RESOURCE_SERVER_MAX_STALE",
        "; ".join(faults),
        "Set what the sentence names; a guard that starts like this is not ready.",
    )


def _clock(settings: Settings, ahead: float | None) -> Check:
    if ahead is None:
        return Check("clock", State.WARNING, detail="The issuer's answer has no Date, so the clocks cannot be compared.")
    told = f"the issuer's clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if abs(ahead) <= _COARSE:
        return Check("clock", State.PASSED, got=f"{told} (measured to the second)")
    state = State.FAILED if abs(ahead) > max(settings.leeway, _COARSE) else State.WARNING
    return Check(
        "clock",
        state,
        told,
        f"at most {settings.leeway} s apart, better none",
        "RESOURCE_SERVER_LEEWAY",
        None,
        "Synchronise both machines (NTP). The leeway is for small differences and stays as it is.",
    )


def _audience(settings: Settings) -> Check:
    audience = settings.audience
    here, there = is_loopback(urlsplit(audience).hostname), is_loopback(urlsplit(settings.issuer).hostname)
    if here and not there:
        return Check(
            "audience",
            State.WARNING,
            audience,
            "this API's public identifier",
            "RESOURCE_SERVER_AUDIENCE",
            "The audience names this machine, while the issuer is elsewhere: it is still the default, or a leftover.",
            "Set RESOURCE_SERVER_AUDIENCE to the identifier under which this API is registered at the issuer.",
        )
    return Check("audience", State.PASSED, got=f"{audience}: a client gets tokens for it by asking for resource={audience}")


def _state(settings: Settings) -> list[Check]:
    if settings.state_dir is None:
        return []
    try:
        saved = StateFile(Path(settings.state_dir), settings.issuer, frozenset(settings.algorithms)).load()
    except StateUnusable as error:
        todo = "Remove the file; give the folder to the service's own user, mode 0700."
        return [
            Check("saved_keys", State.FAILED, str(error), "a file of this user alone", "RESOURCE_SERVER_STATE_DIR", None, todo)
        ]
    if saved is None:
        return [Check("saved_keys", State.PASSED, got="none yet")]
    age = time.time() - saved.confirmed_at
    return [Check("saved_keys", State.PASSED, got=f"{len(saved.key_set.keys)} keys, confirmed {age:.0f} s ago")]


def _no_requirement(given: argparse.Namespace) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(given), "scope": None, "role": None, "permission": None})


def _with_token(report: Report, token: Report) -> Report:
    """Return one report of both; the token's checks are named as such."""
    verdict = report.verdict if token.verdict is Verdict.GOOD else Verdict.REFUSED
    summary = f"{report.summary}; the token: {token.summary}"
    named = tuple(replace(check, name=f"token_{check.name}") for check in token.checks)
    return Report(
        verdict,
        summary,
        (*report.checks, *named),
        unique([*report.mistakes, *token.mistakes]),
        token.reason,
        token.status,
        token.note,
    )
