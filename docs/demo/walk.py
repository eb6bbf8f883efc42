"""`make demo`: the whole seed workflow against two real processes, with every refusal that matters. Exits 0, or says what failed."""

from __future__ import annotations

import json
import secrets
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from docs.demo import forgery
from docs.demo.servers import DidNotStart, Server, command, config_for, free_ports
from docs.demo.story import Answer, NotAsItMustBe, Story, call, decode

PASSWORD: Final = "correct-horse-battery-staple-" + secrets.token_hex(4)
OTHER_API: Final = "https://elsewhere.example"

# Small, and legal: `auth-server config check` refuses timings under which a valid token could be rejected.
TIMINGS: Final = {
    "AUTH_SERVER_ACCESS_TOKEN_LIFETIME": "12",
    "AUTH_SERVER_CLOCK_ERROR": "0.5",
    "AUTH_SERVER_KEY_SIGN_LEASE": "3",
    "AUTH_SERVER_KEY_VIEW_LEASE": "2",
    "AUTH_SERVER_JWKS_MAX_AGE": "2",
    "AUTH_SERVER_KEY_PUBLISH_AHEAD": "4.5",
    "AUTH_SERVER_KEY_RETIRE_AFTER": "80",
    "AUTH_SERVER_KEY_ROTATION_PERIOD": "90",
    "AUTH_SERVER_REFRESH_QUIET_WINDOW": "1",
    "AUTH_SERVER_REFRESH_RETRY_GRACE": "2",
}
API_TIMINGS: Final = {"RESOURCE_SERVER_JWKS_REFRESH": "1", "RESOURCE_SERVER_LEEWAY": "1"}
# What `auth-server token revoke` and its like promise for connected APIs.
_PROMISED: Final = 15.0


@dataclass(slots=True)
class Stage:
    """The two servers, and what earlier chapters left for later ones."""

    issuer: str
    api: str
    environment: dict[str, str]
    auth: Server
    resource: Server
    story: Story = field(default_factory=Story)
    first_token: str = ""
    refresh_token: str = ""

    def login(self, username: str, **more: str) -> Answer:
        """Sign in with the demo's password."""
        return call("POST", f"{self.issuer}/api/login", json_body={"username": username, "password": PASSWORD, **more})

    def refresh(self, token: str) -> Answer:
        """Present a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "first-party"}
        return call("POST", f"{self.issuer}/token", form=form)

    def operate(self, *arguments: str, given: str | None = None) -> dict[str, Any]:
        """Run an operator's command beside the running server."""
        return command(*arguments, environment=self.environment, given=given)


def sign_up(stage: Stage) -> None:
    """A person makes an account."""
    stage.story.chapter("Sign up")
    body = {"username": "alice", "email": "alice@example.com", "password": PASSWORD}
    stage.story.expect(call("POST", f"{stage.issuer}/api/registration", json_body=body), 201, "alice signs up")
    stage.story.expect(
        call("POST", f"{stage.issuer}/api/registration", json_body=body), 409, "the same name again", error="username_taken"
    )
    stage.operate("user", "create", "--username", "eve", "--email", "eve@example.com", "--password-file", "-", given=PASSWORD)
    stage.operate("role", "grant", "reader", "alice")
    stage.story.saw("an operator gives alice the role reader; eve has no role")
    stage.operate("resource", "create", "--identifier", OTHER_API, "--scope", "things:read=Read things")
    stage.story.saw("and registers a second API, to have a token that is for somebody else")


def sign_in(stage: Stage) -> None:
    """Credentials are exchanged once, for a token."""
    stage.story.chapter("Sign in: username and password, once, for a JWT")
    wrong = call("POST", f"{stage.issuer}/api/login", json_body={"username": "alice", "password": "not it, surely not it"})
    stage.story.expect(wrong, 401, "a wrong password", error="invalid_credentials")
    answer = stage.story.expect(stage.login("alice"), 200, "the right one")
    stage.first_token, stage.refresh_token = answer.body["access_token"], answer.body["refresh_token"]
    header, claims = decode(stage.first_token)
    stage.story.show(f"header  {json.dumps(header)}\nclaims  {json.dumps(claims, indent=2)}")
    stage.story.must(header["alg"] == "RS256" and header["typ"] == "at+jwt", "signed with RS256, typed at+jwt (RFC 9068)")
    stage.story.must(claims["aud"] == stage.api and claims["iss"] == stage.issuer, "for this API, by this issuer")
    stage.story.must(
        PASSWORD not in json.dumps(claims) and "alice" not in json.dumps(claims), "no password and no name in the payload"
    )


def call_the_api(stage: Stage) -> None:
    """The API decides by itself: grant, and deny."""
    story, api, token = stage.story, stage.api, stage.first_token
    story.chapter("Call the protected API: it decides by itself, from the public keys alone")
    story.expect(call("GET", f"{api}/me", token=token), 200, "GET /me")
    story.expect(call("GET", f"{api}/notes", token=token), 200, "GET /notes with scope notes:read")
    note = {"text": "remember the milk"}
    denied = call("POST", f"{api}/notes", token=token, json_body=note)
    story.expect(denied, 403, "POST /notes without scope notes:write", error="insufficient_scope")
    story.expect(call("GET", f"{api}/admin/notes", token=token), 403, "GET /admin/notes without the role admin")
    stage.operate("role", "grant", "admin", "alice")
    stronger = stage.login("alice").body["access_token"]
    story.expect(
        call("POST", f"{api}/notes", token=stronger, json_body=note), 201, "the same with a token got as admin: POST /notes"
    )
    story.expect(call("GET", f"{api}/admin/notes", token=stronger), 200, "GET /admin/notes with the role admin")
    secret = stage.operate("client", "rotate-secret", "demo-service")["client_secret"]
    machine = call("POST", f"{stage.issuer}/token", form={"grant_type": "client_credentials"}, basic=("demo-service", secret))
    story.expect(machine, 200, "a service gets a token of its own (client_credentials)")
    story.expect(call("GET", f"{api}/notes", token=machine.body["access_token"]), 200, "and reads with it")


def refuse_forgeries(stage: Stage) -> None:
    """Everything that is not exactly a valid token for this API is refused."""
    story, token = stage.story, stage.first_token
    story.chapter("Forgeries and mistakes")
    keys = call("GET", f"{stage.issuer}/.well-known/jwks.json").body["keys"]
    jwk = next(key for key in keys if key["kid"] == decode(token)[0]["kid"])
    story.must(all("d" not in key for key in keys), f"{len(keys)} public keys, no private member in any of them")
    elsewhere = stage.login("alice", resource=OTHER_API).body["access_token"]
    story.expect(call("GET", f"{stage.api}/me"), 401, "no token")
    for text, bad in (
        ("one changed byte", forgery.with_a_changed_byte(token)),
        ("alg: none", forgery.unsigned(token)),
        ("HS256, signed with the public key", forgery.signed_with_the_public_key(token, jwk)),
        ("a valid token for another audience", elsewhere),
    ):
        story.expect(call("GET", f"{stage.api}/me", token=bad), 401, text, error="invalid_token")


def refresh(stage: Stage) -> None:
    """An honest client is never logged out; a thief is caught."""
    story = stage.story
    story.chapter("Refresh: a lost answer may be asked for again, a stolen token ends the family")
    old = stage.refresh_token
    first = story.expect(stage.refresh(old), 200, "refresh")
    again = story.expect(stage.refresh(old), 200, "the answer was lost: the old token again")
    successor = first.body["refresh_token"]
    story.must(successor != old and again.body["refresh_token"] == successor, "the very same successor came back")
    story.expect(call("GET", f"{stage.api}/me", token=again.body["access_token"]), 200, "the new access token works")
    time.sleep(4)
    story.expect(stage.refresh(old), 400, "the old token once more, after the grace: reuse", error="invalid_grant")
    story.expect(stage.refresh(successor), 400, "the whole family is over, its newest token too", error="invalid_grant")


def revoke(stage: Stage) -> None:
    """A token that is verified offline dies before its time; nobody asks the issuer while a request waits."""
    story = stage.story
    story.chapter("Revocation: the API follows a signed feed of what is dead")
    token, other = (stage.login("alice").body["access_token"] for _ in range(2))
    story.expect(call("GET", f"{stage.api}/me", token=token), 200, "a good token")
    form = {"token": token, "client_id": "first-party"}
    story.expect(call("POST", f"{stage.issuer}/revoke", form=form), 200, "its client gives it back (RFC 7009)")
    revoked_at = time.monotonic()
    while (answer := call("GET", f"{stage.api}/me", token=token)).status == 200 and time.monotonic() < revoked_at + _PROMISED:
        time.sleep(0.005)
    after = f"{(time.monotonic() - revoked_at) * 1000:.0f} ms later the API refuses it"
    story.expect(answer, 401, after, error="invalid_token")
    story.must(answer.body["reason"] == "revoked", "because it was revoked, and for no other reason")
    story.expect(call("GET", f"{stage.api}/me", token=other), 200, "alice's other token still works")


def rotate_keys(stage: Stage) -> None:
    """Keys rotate while the API is called without pause."""
    story = stage.story
    story.chapter("Key rotation during calls")
    before = decode(stage.login("alice").body["access_token"])[0]["kid"]
    refused: list[int] = []
    served = 0
    done = threading.Event()

    def call_without_pause() -> None:
        nonlocal served
        token = stage.login("alice").body["access_token"]
        while not done.is_set():
            answer = call("GET", f"{stage.api}/me", token=token)
            served += 1
            if answer.status != 200:
                refused.append(answer.status)
            if served % 20 == 0:
                token = stage.login("alice").body["access_token"]

    caller = threading.Thread(target=call_without_pause)
    caller.start()
    stage.operate("key", "rotate")
    after = _wait_for_another_key(stage, before)
    done.set()
    caller.join()
    story.must(after != before, f"tokens are signed by {after[:8]}… instead of {before[:8]}…")
    story.must(served > 0 and not refused, f"{served} calls meanwhile, none refused")


def _wait_for_another_key(stage: Stage, before: str) -> str:
    give_up_at = time.monotonic() + 10
    while True:
        kid = str(decode(stage.login("alice").body["access_token"])[0]["kid"])
        if kid != before or time.monotonic() > give_up_at:
            time.sleep(0.5)
            return kid
        time.sleep(0.2)


def survive_an_outage(stage: Stage) -> None:
    """The auth server stops; the API goes on; the auth server comes back."""
    story = stage.story
    story.chapter("The auth server stops")
    token = stage.login("alice").body["access_token"]
    story.must(stage.auth.stop() == 0, "auth server stopped, exit status 0")
    story.expect(call("GET", f"{stage.api}/me", token=token), 200, "the API still answers")
    story.expect(call("GET", f"{stage.api}/me", token=forgery.with_a_changed_byte(token)), 401, "and still refuses a forgery")
    stage.auth.start()
    story.expect(stage.login("alice"), 200, "the auth server is back: alice signs in")


def expire(stage: Stage) -> None:
    """A token is over when it says so."""
    stage.story.chapter("Expiry")
    expires_at = decode(stage.first_token)[1]["exp"]
    time.sleep(max(0.0, expires_at + 1.2 - time.time()))
    answer = call("GET", f"{stage.api}/me", token=stage.first_token)
    stage.story.expect(answer, 401, "the first token, after its lifetime", error="invalid_token")


CHAPTERS: Final = (sign_up, sign_in, call_the_api, refuse_forgeries, refresh, revoke, rotate_keys, survive_an_outage, expire)


def main() -> int:
    """Play every chapter."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        stage = _stage(Path(name))
        try:
            command("init", environment=stage.environment)
            stage.auth.start()
            stage.resource.start()
            print(f"auth server {stage.issuer}, resource server {stage.api}: they share no secret, no database, no disk.")
            for chapter in CHAPTERS:
                chapter(stage)
        except (DidNotStart, NotAsItMustBe) as failure:
            print(f"\n✗ {failure}", file=sys.stderr)
            return 1
        finally:
            stage.resource.stop()
            stage.auth.stop()
    print(f"\nEverything was as it must be, in {time.monotonic() - began:.0f} s.")
    return 0


def _stage(folder: Path) -> Stage:
    auth_port, api_port = free_ports(2)
    issuer, api = f"http://localhost:{auth_port}", f"http://localhost:{api_port}"
    environment = {
        "AUTH_SERVER_ISSUER": issuer,
        "AUTH_SERVER_PORT": str(auth_port),
        "AUTH_SERVER_DATA_DIR": str(folder / "data"),
        "AUTH_SERVER_CONFIG": str(config_for(api, folder)),
        "AUTH_SERVER_DEFAULT_RESOURCE": api,
        **TIMINGS,
    }
    api_environment = {
        "RESOURCE_SERVER_ISSUER": issuer,
        "RESOURCE_SERVER_PORT": str(api_port),
        "RESOURCE_SERVER_AUDIENCE": api,
        **API_TIMINGS,
    }
    auth = Server("auth server", "auth_server", issuer, environment, folder / "auth_server.log")
    resource = Server("resource server", "resource_server", api, api_environment, folder / "resource_server.log")
    return Stage(issuer, api, environment, auth, resource)


if __name__ == "__main__":
    sys.exit(main())
