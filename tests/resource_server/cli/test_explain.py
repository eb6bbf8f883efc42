"""`resource-server explain` and `doctor`, as their users run them."""

from __future__ import annotations

import http.server
import io
import json
import os
import pty
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from resource_server.cli import OK, UNDECIDED, UNHEALTHY, WRONG_SETTINGS, main
from resource_server.cli.render import Look, render
from resource_server.decryption import DecryptionKeys
from resource_server.diagnosis.report import Check, Mistake, Report, State, Verdict
from resource_server.testing import start_issuer
from shared.key_policy import KeyPolicy
from tests.resource_server.support import AUDIENCE, IssuerServer, Reply, a_token, claims, jwks
from tests.resource_server.test_decryption import nested, published

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def environment(issuer: IssuerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RESOURCE_SERVER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RESOURCE_SERVER_ISSUER", issuer.url)
    monkeypatch.setenv("RESOURCE_SERVER_AUDIENCE", AUDIENCE)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def token_of(issuer: IssuerServer, **members: object) -> str:
    now = int(time.time())  # the command has the real clock
    return a_token(claims(iss=issuer.url, iat=now, exp=now + 600, **members)).decode()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def states(report: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["state"] for check in report["checks"]}


def names_of(report: dict[str, Any]) -> list[str]:
    return [mistake["name"] for mistake in report["mistakes"]]


def test_a_good_token_is_explained(issuer: IssuerServer, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run(capsys, "explain", token_of(issuer))

    assert (code, report["verdict"]) == (OK, "good")


@pytest.mark.parametrize("words", [["explain", "-"], ["explain"]])
def test_a_token_comes_from_standard_input(
    words: list[str], issuer: IssuerServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"Bearer {token_of(issuer)}\n"))

    code, report = run(capsys, *words)

    assert (code, names_of(report)) == (OK, ["bearer_prefix"])


def test_a_refused_token_ends_with_one(issuer: IssuerServer, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run(capsys, "explain", token_of(issuer), "--audience", "https://other.example.com")

    assert (code, report["reason"]) == (UNHEALTHY, "wrong_audience")
    assert "wrong_audience" in names_of(report)


def test_what_a_route_asks_is_explained_too(issuer: IssuerServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "explain", token_of(issuer), "--scope", "notes:read")[0] == OK
    assert run(capsys, "explain", token_of(issuer), "--scope", "notes:write")[1]["reason"] == "insufficient_scope"
    assert run(capsys, "explain", token_of(issuer), "--role", "admin")[1]["reason"] == "missing_role"


def test_an_encrypted_token_is_opened_and_explained(
    issuer: IssuerServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESOURCE_SERVER_ENCRYPTED_TOKENS", "true")
    monkeypatch.setenv("RESOURCE_SERVER_STATE_DIR", str(tmp_path))
    key = published(DecryptionKeys(tmp_path, AUDIENCE))
    good, wrong = (nested(token_of(issuer, **members).encode(), key).decode() for members in ({}, {"aud": "account"}))

    assert run(capsys, "explain", good)[1]["summary"] == "accepted"
    code, report = run(capsys, "explain", wrong)
    assert (code, report["reason"]) == (UNHEALTHY, "wrong_audience")
    assert next(check["got"] for check in report["checks"] if check["name"] == "audience") == "account"


def test_without_the_issuers_keys_it_is_undecided(issuer: IssuerServer, capsys: pytest.CaptureFixture[str]) -> None:
    token = token_of(issuer)
    issuer.replies = {}

    code, report = run(capsys, "explain", token)

    assert (code, report["verdict"]) == (UNDECIDED, "undecided")


def test_wrong_settings_end_with_two(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RESOURCE_SERVER_LEEWAY", "99")

    assert main(["explain", "x"]) == WRONG_SETTINGS
    code, report = run(capsys, "doctor")
    assert (code, states(report)) == (WRONG_SETTINGS, {"settings": "failed"})


def test_the_text_has_neither_token_nor_signature(issuer: IssuerServer, capsys: pytest.CaptureFixture[str]) -> None:
    token = token_of(issuer, aud="https://other.example.com")

    main(["explain", token])

    out = capsys.readouterr().out
    assert "wrong_audience" in out
    assert all(part not in out for part in token.split("."))
    assert "\x1b" not in out


def dated(issuer: IssuerServer, ahead: float) -> None:
    """Let the issuer's clock be off: the server of the tests adds its own Date, so this one writes the answer itself."""
    path = "/.well-known/openid-configuration"
    body = issuer.replies[path].body

    def act(handler: http.server.BaseHTTPRequestHandler) -> None:
        date = formatdate(time.time() + ahead, usegmt=True)
        handler.wfile.write(f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    issuer.replies[path] = Reply(act=act)


def test_doctor_finds_all_well(issuer: IssuerServer, capsys: pytest.CaptureFixture[str]) -> None:
    issuer.describe(key_policy=KeyPolicy().to_metadata())

    code, report = run(capsys, "doctor", "--audience", "http://localhost:8001")

    assert (code, report["verdict"]) == (OK, "good")
    assert set(states(report).values()) == {"passed"}
    assert list(states(report)) == ["settings", "reach", "issuer", "keys", "timings", "feed", "clock", "audience"]


def test_a_token_that_was_revoked_is_explained_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    """The guard of `explain` is a new one: it waits until it knows what was revoked, or it would call such a token good."""
    with start_issuer(real=True) as real:
        token = real.token()
        real.revoke(sub="alice")
        words = ("--issuer", real.url, "--audience", real.audience)

        code, report = run(capsys, "explain", token, *words)
        found, doctor = run(capsys, "doctor", *words)

    assert (code, report["reason"]) == (UNHEALTHY, "revoked")
    assert (found, states(doctor)["feed"]) == (OK, "passed")
    assert "living entries: 1," in next(check["got"] for check in doctor["checks"] if check["name"] == "feed")


def test_doctor_says_that_the_feed_does_not_come(issuer: IssuerServer, capsys: pytest.CaptureFixture[str]) -> None:
    issuer.describe(revocation_feed_endpoint=f"{issuer.url}/feed", revocation_feed_signing_alg_values_supported=["RS256"])

    code, report = run(capsys, "doctor")

    assert (code, states(report)["feed"]) == (UNHEALTHY, "failed")


def test_doctor_says_that_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run(capsys, "doctor", "--issuer", "http://127.0.0.1:9")

    assert code == UNHEALTHY
    assert states(report)["reach"] == "failed"
    assert "RESOURCE_SERVER_METADATA_URL" in str(report["checks"])


def test_doctor_names_the_issuer_that_the_document_names(issuer: IssuerServer, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run(capsys, "doctor", "--issuer", issuer.url.replace("127.0.0.1", "localhost"))

    check = next(check for check in report["checks"] if check["name"] == "issuer")
    assert (code, check["state"], check["got"]) == (UNHEALTHY, "failed", issuer.url)
    assert names_of(report) == ["localhost_for_container_name"]


def test_doctor_knows_what_is_no_metadata(issuer: IssuerServer, capsys: pytest.CaptureFixture[str]) -> None:
    issuer.replies["/.well-known/openid-configuration"] = Reply(b"<html>sign in</html>")

    code, report = run(capsys, "doctor")

    assert (code, states(report)["issuer"], states(report)["keys"]) == (UNHEALTHY, "failed", "not_reached")


@pytest.mark.parametrize("reply", [Reply(status=404), Reply(jwks({"kty": "oct", "k": "AAAA", "kid": "x"}))])
def test_doctor_says_that_there_are_no_keys(reply: Reply, issuer: IssuerServer, capsys: pytest.CaptureFixture[str]) -> None:
    issuer.replies["/jwks"] = reply

    code, report = run(capsys, "doctor")

    assert (code, states(report)["keys"]) == (UNHEALTHY, "failed")


def test_doctor_holds_own_timings_against_the_issuers(
    issuer: IssuerServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    issuer.describe(key_policy=KeyPolicy(publish_ahead=400).to_metadata())
    monkeypatch.setenv("RESOURCE_SERVER_JWKS_REFRESH", "240")

    code, report = run(capsys, "doctor")

    check = next(check for check in report["checks"] if check["name"] == "timings")
    assert (code, check["state"]) == (UNHEALTHY, "failed")
    assert "set jwks_refresh to less than 80 s" in check["detail"]


@pytest.mark.parametrize("ahead,state", [(0.0, "passed"), (20.0, "warning"), (-300.0, "failed"), (300.0, "failed")])
def test_doctor_measures_how_far_the_clocks_are_apart(
    ahead: float, state: str, issuer: IssuerServer, capsys: pytest.CaptureFixture[str]
) -> None:
    dated(issuer, ahead)

    _code, report = run(capsys, "doctor")

    assert states(report)["clock"] == state


def test_doctor_warns_of_an_audience_that_was_left_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    _code, report = run(capsys, "doctor", "--issuer", "https://id.invalid", "--audience", "http://localhost:8001")

    assert states(report)["audience"] == "warning"


def test_doctor_explains_the_token_that_is_piped_in(issuer: IssuerServer) -> None:
    command = [sys.executable, "-m", "resource_server", "doctor", "--json"]
    token = token_of(issuer, aud="https://other.example.com")

    done = subprocess.run(command, cwd=ROOT, input=token, capture_output=True, text=True, check=False)

    report = json.loads(done.stdout)
    assert (done.returncode, report["reason"]) == (UNHEALTHY, "wrong_audience")
    assert states(report)["token_audience"] == "failed"
    assert token not in done.stdout + done.stderr


def on_a_terminal(environment: dict[str, str], *words: str) -> str:
    """Run the command with a terminal as its output, and return what it wrote there."""
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "-m", "resource_server", *words]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=theirs, check=False)
        return os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_somebody_at_a_terminal_is_told_what_is_waited_for() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "resource_server", "explain", "--issuer", "http://127.0.0.1:9"]
    with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        told = program.stderr.readline()
        os.write(ours, b"rt1_x\n\x04")
        out, err = program.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)

    assert told == "Paste the token, then press Enter and Ctrl-D.\n"
    assert "refresh_token" in out
    assert err == ""


def test_there_are_colours_on_a_terminal_and_none_where_they_are_not_wanted() -> None:
    told = {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    words = ("doctor", "--issuer", "http://127.0.0.1:9")

    assert "\x1b[1;31m✗\x1b[0m" in on_a_terminal(told, *words)
    assert "\x1b" not in on_a_terminal({**told, "NO_COLOR": "1"}, *words)


def test_a_terminal_without_symbols_gets_words_and_no_control_characters() -> None:
    checks = (Check("issuer", State.FAILED, got="\x1b[2Jé", expected="b"), Check("keys", State.PASSED))

    text = render("t", Report(Verdict.REFUSED, "refused", checks), Look(colour=False, symbols=False))

    assert text.isascii()
    assert "\x1b" not in text
    assert "FAILED" in text
    assert "ok" in text


@pytest.mark.parametrize("symbols", [True, False])
def test_no_line_is_wider_than_a_terminal_and_no_sentence_is_cut(symbols: bool) -> None:
    words = [f"word{number}" for number in range(60)]
    told = " ".join(words)
    checks = (Check("keys", State.PASSED, got=told), Check("a_long_name", State.FAILED, detail=told, todo=told))
    report = Report(Verdict.REFUSED, "refused", checks, (Mistake("m", told, told),), note=told)

    text = render("t", report, Look(colour=False, symbols=symbols))

    assert max(len(line) for line in text.splitlines()) <= 100
    assert [word for word in text.split() if word.startswith("word")] == words * 6
