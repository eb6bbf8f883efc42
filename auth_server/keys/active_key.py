"""A key that signs, ready to be used thousands of times a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auth_server.keys import jws
from auth_server.keys.custodians.contract import Signer


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """What a ring signs with now, and the header segments that were made for it."""

    kid: str
    alg: str
    signer: Signer
    headers: dict[str, bytes] = field(default_factory=dict)

    def header(self, typ: str) -> bytes:
        """Return the header segment for this `typ`, with its dot."""
        made = self.headers.get(typ)
        if made is None:
            made = self.headers[typ] = jws.header_segment(alg=self.alg, typ=typ, kid=self.kid)
        return made

    def sign(self, claims: Mapping[str, object], typ: str) -> str:
        """Return the compact JWS of claims.

        Raises:
            ValueError, TypeError: a claim that is no JSON.
        """
        signed = jws.signing_input(self.header(typ), claims)
        return jws.compact(signed, self.signer.sign(signed))
