"""What the API promises its callers, and how it lives with its issuer."""

from __future__ import annotations

from flask.testing import FlaskClient
from orders import create_app

from resource_server.testing import RunningIssuer, eventually, reason_of


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_caller_without_a_token_is_told_where_to_get_one(client: FlaskClient) -> None:
    answer = client.get("/orders")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer resource_metadata=")


def test_a_person_signs_in_and_places_an_order(client: FlaskClient, sealwright_issuer: RunningIssuer) -> None:
    token = sealwright_issuer.sign_in("alice", scope="orders:read orders:write")["access_token"]

    assert client.post("/orders", headers=bearer(token), json={"item": "book"}).status_code == 201
    assert [order["item"] for order in client.get("/orders", headers=bearer(token)).json["orders"]] == ["book"]


def test_reading_is_not_writing(client: FlaskClient, sealwright_issuer: RunningIssuer) -> None:
    answer = client.post("/orders", headers=bearer(sealwright_issuer.token(scope="orders:read")), json={"item": "book"})

    assert (answer.status_code, answer.json["reason"]) == (403, "insufficient_scope")


def test_a_client_on_its_own_places_no_order(client: FlaskClient, sealwright_issuer: RunningIssuer) -> None:
    token = sealwright_issuer.token(scope="orders:write", sub="app", client_id="app")

    assert client.post("/orders", headers=bearer(token), json={"item": "book"}).json["reason"] == "person_required"


def test_only_an_admin_forgets_orders(client: FlaskClient, sealwright_issuer: RunningIssuer) -> None:
    assert client.delete("/orders", headers=bearer(sealwright_issuer.token(roles=["clerk"]))).status_code == 403
    assert client.delete("/orders", headers=bearer(sealwright_issuer.token(roles=["admin"]))).status_code == 204


def test_an_old_token_is_refused(client: FlaskClient, sealwright_issuer: RunningIssuer) -> None:
    answer = client.get("/orders", headers=bearer(sealwright_issuer.token(scope="orders:read", expires_in=-120)))

    assert (answer.status_code, answer.json["reason"]) == (401, "expired")


def test_keys_rotate_and_nobody_notices(client: FlaskClient, sealwright_issuer: RunningIssuer) -> None:
    before = sealwright_issuer.token(scope="orders:read")
    sealwright_issuer.rotate()
    after = sealwright_issuer.token(scope="orders:read")

    assert [client.get("/orders", headers=bearer(token)).status_code for token in (before, after)] == [200, 200]


def test_a_burned_key_is_forgotten(client: FlaskClient, sealwright_issuer: RunningIssuer) -> None:
    token = sealwright_issuer.token(scope="orders:read")
    sealwright_issuer.burn()

    assert eventually(lambda: client.get("/orders", headers=bearer(token)).status_code == 401)


def test_the_api_survives_its_issuer(client: FlaskClient, sealwright_issuer: RunningIssuer) -> None:
    token = sealwright_issuer.token(scope="orders:read")
    sealwright_issuer.go_dark()

    assert client.get("/orders", headers=bearer(token)).status_code == 200


def test_a_start_in_the_dark_is_no_refusal(sealwright_issuer: RunningIssuer) -> None:
    sealwright_issuer.go_dark()
    guard = sealwright_issuer.guard()
    client = create_app(guard).test_client()
    token = sealwright_issuer.token(scope="orders:read")

    assert client.get("/orders", headers=bearer(token)).status_code == 503
    sealwright_issuer.come_back()
    assert eventually(lambda: reason_of(guard, token) is None)
    guard.close()
