"""`auth-server key rewrap`: move what is sealed to the first key encryption key."""

from __future__ import annotations

import argparse

from auth_server.cli.command import Answer, refused
from auth_server.keys.sealing import CannotUnseal
from auth_server.services import Services


async def rewrap(services: Services, _given: argparse.Namespace) -> Answer:
    """Re-wrap the data keys of private keys and server secrets; what they seal is not touched."""
    try:
        moved = await services.rewrap.run()
    except CannotUnseal as error:
        raise refused(
            f"{error}; put the key it lies under back into AUTH_SERVER_KEY_ENCRYPTION_KEYS, behind the new one"
        ) from error
    document: dict[str, object] = {"signing_keys": moved.signing_keys, "server_secrets": moved.server_secrets}
    if not moved.signing_keys and not moved.server_secrets:
        return Answer(document, "everything lies under the first key encryption key already")
    told = f"moved {moved.signing_keys} signing keys and {moved.server_secrets} server secrets to the first key encryption key"
    return Answer(document, told, ("the old key may be dropped once every replica has the new list, and no backup needs it",))
