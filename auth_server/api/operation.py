"""One row of the table of operations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Auth(StrEnum):
    """How a caller proves who it is; the values are names of security schemes."""

    NOBODY = ""
    CLIENT = "client"
    TOKEN = "token"
    ACCOUNT = "account"
    COOKIES = "cookies"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        answers: schemas by status, any of them; an empty name is an answer without a JSON body.
        form: parameters of a form body (or of the query, for GET), the required ones with a `*` behind them.
        body: schema of a JSON body.
    """

    method: str
    path: str
    tag: str
    summary: str
    answers: dict[int, str]
    auth: Auth = Auth.NOBODY
    form: str = ""
    body: str = ""
