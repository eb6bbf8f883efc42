"""Encrypted access tokens: this API's own encryption keys, and how a nested token is opened (RFC 7516, RFC 7519 section 11.2).

The API makes its keys itself and publishes the public half; the issuer fetches it and encrypts what it has signed. No secret is shared
here either: the private half never leaves this API's state folder. Needs the extra `jwe`.

A key is replaced after `rotate_after`. The one before it goes on opening tokens for `kept`: longer than the issuer may use a key that it
fetched, and than any token lives. Processes of one API share the folder, and look into it again when a token names a key they lack.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from resource_server.digest_file import DigestFile, StateUnusable
from resource_server.verifier import strict_json
from resource_server.verifier.errors import MalformedToken, TokenTooLarge, Undecryptable
from shared import base64url, jose

_DAY: Final = 86_400.0
MAX_BYTES: Final = 16 * 1024
ALG: Final = "ECDH-ES"
ENC: Final = "A256GCM"
_CURVE: Final = "P-256"
# Nothing else is understood: no compression (`zip`), nothing critical, no key that is brought along but the ephemeral one.
_HEADER: Final = frozenset({"alg", "enc", "kid", "epk", "cty", "typ"})
_EPHEMERAL: Final = frozenset({"kty", "crv", "x", "y"})
_NESTED: Final = frozenset({"jwt", "at+jwt"})
_MAX_STATE: Final = 64 * 1024
_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str
    made_at: float
    key: Any


class DecryptionKeys:
    """The encryption keys of one API. Thread-safe.

    Args:
        folder: where they are kept, for their owner alone; shared by the processes of this API, and by nobody else.
        audience: this API's resource identifier.
        rotate_after: seconds after which a new key is made.
        kept: seconds for which a replaced key goes on opening tokens.

    Raises:
        ImportError: the extra `jwe` is not installed.
        StateUnusable: what is in the folder was damaged, or may be written by others.
        OSError: the disk's own reasons.
    """

    def __init__(
        self,
        folder: str | Path,
        audience: str,
        *,
        rotate_after: float = 30 * _DAY,
        kept: float = 2 * _DAY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        import joserfc.jwe  # noqa: F401 - asked for here, so that it is missed at the start and not at the first token

        self._file = DigestFile(Path(folder), "encryption-keys", audience, version=1, max_bytes=_MAX_STATE)
        self._rotate_after, self._kept, self._clock = rotate_after, kept, clock
        self._gate = threading.Lock()
        self._looked_at = float("-inf")
        self._keys: tuple[_Key, ...] = self._load()
        self._see_to_rotation()

    def public_jwks(self) -> Mapping[str, object]:
        """Return the key set to publish: the newest key, and no other, for nothing new should be encrypted to an older one."""
        self._see_to_rotation()
        return {"keys": [_public(self._keys[0])]}

    def open(self, compact: bytes) -> bytes:
        """Return the signed token inside an encrypted one.

        Raises:
            TokenTooLarge, MalformedToken: it is no nested token of the only form that is understood.
            Undecryptable: it is for another key, or was changed.
        """
        if len(compact) > MAX_BYTES:
            raise TokenTooLarge(f"{len(compact)} bytes, expected at most {MAX_BYTES} of an encrypted token")
        key = self._find(_key_id(compact))
        try:
            inside = _decrypted(compact, key)
        except Exception as error:  # whatever the library thinks of it: it did not open
            raise Undecryptable(f"the token does not open with the key {key.kid!r}") from error
        if len(inside) > jose.MAX_COMPACT_BYTES:
            raise TokenTooLarge(f"{len(inside)} bytes inside, expected at most {jose.MAX_COMPACT_BYTES}")
        return inside

    def _find(self, kid: str) -> _Key:
        for attempt in range(2):
            for key in self._keys:
                if key.kid == kid:
                    return key
            if attempt == 0 and not self._look_again():
                break
        known = ", ".join(repr(key.kid) for key in self._keys)
        raise Undecryptable(
            f"the token is encrypted to the key {kid!r}, ours: {known}; did another process lose the state folder?"
        )

    def _look_again(self) -> bool:
        """Read what another process of this API may have made meanwhile; strangers can ask for this once a second."""
        with self._gate:
            now = time.monotonic()
            if now - self._looked_at < _LOOK_SECONDS:
                return False
            self._looked_at = now
            self._keys = self._load()
        return True

    def _see_to_rotation(self) -> None:
        if self._keys and self._clock() - self._keys[0].made_at < self._rotate_after:
            return
        with self._gate:
            now = self._clock()
            self._keys = self._load()
            if self._keys and now - self._keys[0].made_at < self._rotate_after:
                return
            self._keys = (_made(now), *self._still_kept(self._keys, replaced_at=now))
            self._file.save({"keys": [{"made_at": int(key.made_at), "jwk": key.key.as_dict(private=True)} for key in self._keys]})

    def _load(self) -> tuple[_Key, ...]:
        stored = self._file.load()
        if stored is None:
            return ()
        if self._file.path.stat().st_mode & 0o077:
            raise StateUnusable(f"{self._file.path} can be read by others than its owner: run chmod 600 on it")
        from joserfc.jwk import ECKey

        keys = stored["keys"]
        assert isinstance(keys, list | tuple)
        made = [(dict(entry["jwk"]), float(entry["made_at"])) for entry in keys]
        newest, *older = (_Key(str(jwk["kid"]), at, ECKey.import_key(jwk)) for jwk, at in made)
        return (newest, *self._still_kept(older, replaced_at=newest.made_at))

    def _still_kept(self, keys: Sequence[_Key], *, replaced_at: float) -> Iterator[_Key]:
        """Yield those that go on opening tokens; each was replaced when the one before it was made, the first at `replaced_at`."""
        for key in keys:
            if self._clock() - replaced_at < self._kept:
                yield key
            replaced_at = key.made_at


def is_encrypted(compact: bytes) -> bool:
    """Say whether a token has the five parts of an encrypted one (RFC 7516 section 7.1)."""
    return compact.count(b".") == 4


def _key_id(compact: bytes) -> str:
    """Return the `kid` of a nested token's header, once all of the header is what we understand."""
    try:
        header = strict_json.parse_object(base64url.decode(compact.partition(b".")[0]))
    except ValueError as error:
        raise MalformedToken("the header of an encrypted token is not JSON in canonical base64url") from error
    if foreign := header.keys() - _HEADER:
        raise MalformedToken(f"the header of an encrypted token holds {min(foreign)!r}")
    epk, kid = header.get("epk"), header.get("kid")
    if (header.get("alg"), header.get("enc")) != (ALG, ENC) or not isinstance(kid, str):
        raise MalformedToken(f"an encrypted token needs alg {ALG}, enc {ENC} and kid")
    if not isinstance(epk, Mapping) or epk.keys() != _EPHEMERAL or epk["crv"] != _CURVE:
        raise MalformedToken("an encrypted token needs an ephemeral key on our curve")
    if str(header.get("cty", "")).lower() not in _NESTED:
        raise MalformedToken("an encrypted token must say by cty that a signed one is inside")
    return kid


def _decrypted(compact: bytes, key: _Key) -> bytes:
    from joserfc import jwe

    registry = jwe.JWERegistry(algorithms=[ALG, ENC])
    plaintext = jwe.decrypt_compact(compact, key.key, registry=registry).plaintext
    assert plaintext is not None
    return plaintext


def _made(now: float) -> _Key:
    from joserfc.jwk import ECKey

    key = ECKey.generate_key(_CURVE, {"use": "enc", "alg": ALG}, private=True)
    kid = key.thumbprint()
    return _Key(kid, now, ECKey.import_key({**key.as_dict(private=True), "kid": kid}))


def _public(key: _Key) -> Mapping[str, object]:
    return dict(key.key.as_dict(private=False))
