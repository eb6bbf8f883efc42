"""`auth-server perform ...`: be a client, for once, and see step by step what a client sees."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from auth_server.cli.command import Answer, Command, CommandFailed, refused
from auth_server.cli.demo_client import Client, CodeRequest, Listener, Server, Tell, request, taken_apart
from auth_server.cli.inputs import read_secret
from auth_server.settings import load
from shared import well_known
from shared.log_line import neutralise

_DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_TOKENS: Final = ("access_token", "id_token", "refresh_token")
_SLOWER_SECONDS: Final = 5


def _code(given: argparse.Namespace) -> Answer:
    tell, server, client = _begin(given)
    with Listener(given.port, given.path) as listener:
        asked = CodeRequest.new(client, listener.redirect_uri)
        tell(f"listening at {listener.redirect_uri} (RFC 8252)")
        tell("made a code_verifier, which stays here, and send its S256 challenge (RFC 7636)")
        tell(f"open this in a browser:\n\n  {asked.address(server, given.scope, given.resource)}\n")
        answer = listener.wait(given.timeout)
    tell(f"the browser brought {', '.join(sorted(answer))}; state and iss have to be right (RFC 9207)")
    tokens = asked.redeem(server, answer)
    tell("redeemed the code with its verifier, once")
    return _answer(given, tokens, _userinfo(server, tokens, tell))


def _client_credentials(given: argparse.Namespace) -> Answer:
    tell, server, client = _begin(given)
    tell(f"asking {server.endpoint('token_endpoint')} with the client's own credentials (RFC 6749 section 4.4)")
    form = {"grant_type": "client_credentials", "scope": given.scope, "resource": given.resource}
    return _answer(given, server.post("token_endpoint", client, form))


def _device(given: argparse.Namespace) -> Answer:
    tell, server, client = _begin(given)
    begun = server.post("device_authorization_endpoint", client, {"scope": given.scope, "resource": given.resource})
    shown = neutralise(str(begun.get("user_code")))
    tell(f"a device would show: {neutralise(str(begun.get('verification_uri')))} and the code {shown} (RFC 8628)")
    tell(f"or open this in a browser:\n\n  {neutralise(str(begun.get('verification_uri_complete')))}\n")
    tokens = _poll(server, client, begun, tell, given.timeout)
    tell("a person approved")
    return _answer(given, tokens, _userinfo(server, tokens, tell))


def _poll(server: Server, client: Client, begun: Mapping[str, Any], tell: Tell, seconds: float) -> dict[str, Any]:
    interval, give_up_at = float(begun.get("interval", _SLOWER_SECONDS)), time.monotonic() + seconds
    tell(f"asking every {interval:.0f} seconds whether somebody approved")
    while time.monotonic() < give_up_at:
        try:
            return server.post("token_endpoint", client, {"grant_type": _DEVICE, "device_code": str(begun.get("device_code"))})
        except CommandFailed as failure:
            if failure.error not in ("authorization_pending", "slow_down"):
                raise
            interval += _SLOWER_SECONDS if failure.error == "slow_down" else 0
        time.sleep(interval)
    raise refused("nobody approved in time", error="timeout")


def _begin(given: argparse.Namespace) -> tuple[Tell, Server, Client]:
    # Steps are for the person who watches: with --json the document alone is on standard output.
    stream = sys.stderr if given.json else sys.stdout
    numbers = iter(range(1, 100))

    def tell(step: str) -> None:
        print(f"{next(numbers)}. {step}", file=stream, flush=True)

    issuer = given.issuer or load().issuer
    tell(f"reading {well_known.authorization_server_url(issuer)} (RFC 8414)")
    secret = None if given.client_secret_file is None else read_secret(given.client_secret_file)
    return tell, Server.discover(issuer), Client(given.client_id, secret)


def _userinfo(server: Server, tokens: Mapping[str, Any], tell: Tell) -> dict[str, Any] | None:
    """Ask who signed in, where the token is good for that."""
    audience = taken_apart(tokens.get("access_token")).get("claims", {}).get("aud")
    if "id_token" not in tokens or server.issuer not in (audience if isinstance(audience, list) else [audience]):
        return None
    tell(f"asking {server.endpoint('userinfo_endpoint')} who signed in")
    return request(server.endpoint("userinfo_endpoint"), headers={"Authorization": f"Bearer {tokens['access_token']}"})


def _answer(given: argparse.Namespace, tokens: Mapping[str, Any], userinfo: Mapping[str, Any] | None = None) -> Answer:
    document: dict[str, Any] = {name: value for name, value in tokens.items() if name not in _TOKENS}
    document["tokens"] = {name: taken_apart(tokens[name]) for name in _TOKENS if name in tokens}
    if userinfo is not None:
        document["userinfo"] = dict(userinfo)
    if given.show_tokens:
        document |= {name: tokens[name] for name in _TOKENS if name in tokens}
    notes = () if given.show_tokens else ("tokens are shown taken apart; --show-tokens prints them whole",)
    return Answer(document, f"\n{json.dumps(document, indent=2)}\n", notes)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--client-id", required=True, metavar="ID", help="a registered client")
    parser.add_argument("--client-secret-file", metavar="FILE", help="its secret, - for standard input; none for a public client")
    parser.add_argument("--issuer", metavar="URL", help="the server (default: AUTH_SERVER_ISSUER)")
    parser.add_argument("--scope", metavar="SCOPES", help="what to ask for, separated by spaces")
    parser.add_argument("--resource", metavar="URL", help="the API the token is for (RFC 8707)")
    parser.add_argument(
        "--show-tokens", action="store_true", help="print the tokens whole as well: they are as good as a password"
    )


def _with_person(parser: argparse.ArgumentParser) -> None:
    _common(parser)
    parser.add_argument(
        "--timeout", type=float, default=300.0, metavar="SECONDS", help="how long to wait for a person (default 300)"
    )


def _with_listener(parser: argparse.ArgumentParser) -> None:
    _with_person(parser)
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port of 127.0.0.1 to listen on (default: a free one)")
    parser.add_argument("--path", default="/cb", help="path of the registered redirect URI (default: /cb)")


_EXAMPLE: Final = 'auth-server perform code --client-id notes-cli --scope "openid profile notes:read offline_access"'
COMMANDS: Final = (
    Command(
        "code",
        "sign a person in: authorization code with PKCE",
        "Be a native app: open a listener on 127.0.0.1, print the address for the browser, redeem the code. The client needs the redirect "
        "URI http://127.0.0.1/cb; the port is free to choose.",
        (_EXAMPLE,),
        _code,
        _with_listener,
    ),
    Command(
        "client-credentials",
        "be a service: client credentials",
        "Be a service that acts for itself.",
        ("auth-server perform client-credentials --client-id billing --client-secret-file secret --scope notes:read",),
        _client_credentials,
        _common,
    ),
    Command(
        "device",
        "be a device without a keyboard",
        "Be a device: print the code and the address, and ask until a person approved.",
        ('auth-server perform device --client-id tv --scope "openid notes:read"',),
        _device,
        _with_person,
    ),
)
