"""Where metadata documents lie."""

from __future__ import annotations

import pytest

from shared import well_known


@pytest.mark.parametrize(
    "issuer, openid, oauth",
    [
        (
            "https://id.example",
            "https://id.example/.well-known/openid-configuration",
            "https://id.example/.well-known/oauth-authorization-server",
        ),
        (
            "https://id.example/tenant",
            "https://id.example/tenant/.well-known/openid-configuration",
            "https://id.example/.well-known/oauth-authorization-server/tenant",
        ),
        (
            "http://localhost:8000/",
            "http://localhost:8000/.well-known/openid-configuration",
            "http://localhost:8000/.well-known/oauth-authorization-server",
        ),
    ],
)
def test_one_path_is_appended_and_the_other_inserted(issuer: str, openid: str, oauth: str) -> None:
    """OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3."""
    assert well_known.openid_configuration_url(issuer) == openid
    assert well_known.authorization_server_url(issuer) == oauth


def test_a_resources_path_and_query_stay_behind_the_inserted_path() -> None:
    """RFC 9728 section 3.1."""
    url = well_known.protected_resource_url("https://api.example/v1?x=1")

    assert url == "https://api.example/.well-known/oauth-protected-resource/v1?x=1"
