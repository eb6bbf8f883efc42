"""authorization_endpoint: a browser brings a client's request, and takes back its answer (RFC 6749 section 3.1).

1 who asks, and where the answer goes       a fault is a page of ours; nothing goes anywhere
2 check the request                         a fault goes back to the client
3 what comes next (interaction/)            a page: the request waits in a row, 303 to the page
4 done: one transaction makes the code      303, or a form that posts itself
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.endpoints.contract import BrowserEndpoint
from auth_server.interaction.checking import REQUEST_URI_PREFIX, RequestChecks
from auth_server.interaction.interaction import PATHS, Standing
from auth_server.interaction.next_step import PAGES, Progress, Step
from auth_server.interaction.service import LIFETIME_SECONDS, Interactions
from auth_server.languages.catalogue import LANGUAGES
from auth_server.protocol.authorization_parameters import Parameters
from auth_server.protocol.authorization_request import AuthorizationRequest, Prompt, ResponseMode
from auth_server.protocol.authorization_response import AuthorizationResponse, RedirectableError, ReturnAddress
from auth_server.protocol.client import Client
from auth_server.protocol.errors import PageError
from auth_server.protocol.pkce import S256
from auth_server.protocol.user_claims import STANDARD
from auth_server.sessions.rules import REACHABLE_ACR
from auth_server.store.store import Store
from auth_server.tokens.codes import Approved, Codes
from auth_server.web.authorization_answers import answer_client, see_other
from auth_server.web.browser import INTERACTION_COOKIE, Browser, digest
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Headers, Response

_ALWAYS_TOLD: Final = ("sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "at_hash", "sid")
_DESCRIPTIONS: Final = {
    "login_required": "the person would have to sign in",
    "consent_required": "the person would have to consent",
    "account_selection_required": "the person would have to choose an account",
    "unmet_authentication_requirements": "no sign-in here reaches the acr that is asked for",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A checked request on its way: who asks, how far the person got, and the id it waits under, if it does."""

    request: AuthorizationRequest
    client: Client
    browser: Browser
    progress: Progress
    interaction_id: str | None = None


async def _parameters(request: Request) -> Parameters:
    if request.method != "POST":
        return Parameters.parse(request.query)
    if request.query:
        raise PageError("parameters in the body and in the address")
    return Parameters.parse(await request.form_bytes())


class AuthorizationEndpoint(BrowserEndpoint):
    """`GET` and `POST /authorize`. Never with CORS: a page of another origin has nothing to read here (RFC 9700 section 2.6)."""

    path = "/authorize"
    methods = ("GET", "POST")

    def __init__(
        self,
        *,
        checks: RequestChecks,
        interactions: Interactions,
        codes: Codes,
        store: Store,
        issuer: str,
        kit: PageKit,
        algorithms: Sequence[str],
    ) -> None:
        super().__init__(kit)
        self._checks = checks
        self._interactions = interactions
        self._codes = codes
        self._store = store
        self._issuer = issuer
        self._algorithms = tuple(algorithms)

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is and what it takes (RFC 8414 section 2, OpenID Connect Discovery 1.0 section 3)."""
        return {
            "authorization_endpoint": issuer + self.path,
            "authorization_response_iss_parameter_supported": True,
            "response_types_supported": ["code"],
            "response_modes_supported": [mode.value for mode in ResponseMode],
            "code_challenge_methods_supported": [S256],
            "acr_values_supported": sorted(REACHABLE_ACR),
            "id_token_signing_alg_values_supported": list(self._algorithms),
            "subject_types_supported": ["public", "pairwise"],
            "prompt_values_supported": [prompt.value for prompt in Prompt],
            "ui_locales_supported": list(LANGUAGES),
            "claim_types_supported": ["normal"],
            "claims_supported": [*_ALWAYS_TOLD, *sorted(STANDARD)],
            "claims_parameter_supported": True,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
        }

    async def answer_browser(self, request: Request) -> Response:
        """Answer a new request, or go on with one that waits."""
        response = await self._step(request)
        if response.status == 200:
            # The form that posts itself: the only page of this endpoint's own.
            request.answer_is_page()
        return response

    async def _step(self, request: Request) -> Response:
        parameters = await _parameters(request)
        browser = Browser.of(request, self._kit.jar)
        if parameters.values.keys() == {"request"} and request.method != "POST":
            return await self._resume(parameters.values["request"], browser, request)
        # 1. Who asks, and where the answer goes.
        client = await self._checks.client(parameters)
        address, asked = await self._begin(parameters, client)
        if isinstance(asked, RedirectableError):
            return self._refuse(address, asked)
        # 3. What comes next.
        return await self._go_on(_Asked(asked, client, browser, Progress()), request)

    async def _begin(
        self, parameters: Parameters, client: Client
    ) -> tuple[ReturnAddress, AuthorizationRequest | RedirectableError]:
        request_uri = parameters.get("request_uri")
        if request_uri is not None and request_uri.startswith(REQUEST_URI_PREFIX) and "request_uri" not in parameters.repeated:
            pushed = await self._pushed(request_uri, client)
            return ReturnAddress.of(pushed), pushed
        address = self._checks.address(parameters, client)
        try:
            # 2. Check the request.
            return address, await self._checks.request(parameters, client, address)
        except RedirectableError as refusal:
            return address, refusal

    async def _pushed(self, request_uri: str, client: Client) -> AuthorizationRequest:
        """Use up a pushed request. Parameters beside it count for nothing (RFC 9126 section 4)."""
        key = digest(request_uri) if request_uri.isascii() else b""
        text = await self._store.run(lambda tx: tx.pushed_requests.spend(key, client.client_id))
        if text is None:
            raise PageError("the pushed request is unknown, another client's, used, or expired")
        request = AuthorizationRequest.from_text(text)
        if request.redirect_uri not in client.redirect_uris:
            self._checks.address(Parameters({"redirect_uri": request.redirect_uri}), client)
        return request

    async def _resume(self, interaction_id: str, browser: Browser, request: Request) -> Response:
        asked, client, progress = await self._interactions.waiting(interaction_id, browser)
        return await self._go_on(_Asked(asked, client, browser, progress, interaction_id), request)

    async def _go_on(self, asked: _Asked, request: Request) -> Response:
        standing = await self._interactions.standing(asked.request, asked.client, asked.browser, asked.progress)
        step = standing.next.step
        if step in PAGES:
            return await self._page(asked, step)
        if step is Step.DONE:
            return await self._done(asked, standing, request)
        code = "access_denied" if step is Step.DENIED else standing.next.error or "server_error"
        refusal = RedirectableError(code, _DESCRIPTIONS.get(code, "the person refused"))
        return await self._end(asked, refusal)

    async def _page(self, asked: _Asked, step: Step) -> Response:
        interaction_id = asked.interaction_id
        headers: Headers = ()
        if interaction_id is None:
            interaction_id, cookie = await self._interactions.begin(asked.request, asked.browser)
            headers = ((b"set-cookie", self._kit.jar.set(INTERACTION_COOKIE, cookie, LIFETIME_SECONDS)),)
        return see_other(f"{self._issuer}{PATHS[step]}?request={interaction_id}", headers=headers, outcome=f"asks_{step.value}")

    async def _done(self, asked: _Asked, standing: Standing, request: Request) -> Response:
        # 4. One transaction makes the code.
        person = standing.person
        if person is None:
            raise PageError("nobody is signed in")
        if asked.request.scope and not person.scope:
            refusal = RedirectableError("invalid_scope", "none of the scopes can be granted to this person")
            return await self._end(asked, refusal)
        approved = Approved(
            request=asked.request,
            client=asked.client,
            sub=person.account.sub,
            sid=person.session.sid,
            scope=person.scope,
            consented=person.missing_scope if asked.client.asks_for_consent else frozenset(),
            interaction=self._key(asked),
        )
        code = await self._codes.issue(approved, request.facts)
        if code is None:
            raise PageError("the session ended, or the request was answered, while the code was made")
        address = ReturnAddress.of(asked.request)
        return answer_client(AuthorizationResponse(address, (("code", code),), self._issuer))

    async def _end(self, asked: _Asked, refusal: RedirectableError) -> Response:
        key = self._key(asked)
        if key is not None and not await self._store.run(lambda tx: tx.interactions.finish(*key)):
            raise PageError("the request was answered meanwhile")
        return self._refuse(ReturnAddress.of(asked.request), refusal)

    def _refuse(self, address: ReturnAddress, refusal: RedirectableError) -> Response:
        response = AuthorizationResponse(address, refusal.members, self._issuer)
        return answer_client(response, outcome=refusal.error, detail=refusal.detail)

    def _key(self, asked: _Asked) -> tuple[str, bytes] | None:
        if asked.interaction_id is None or asked.browser.interaction is None:
            return None
        return asked.interaction_id, digest(asked.browser.interaction)
