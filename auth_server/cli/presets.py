"""What `auth-server init --preset NAME` makes ready beyond an ordinary start, and which settings go with it.

Settings are environment variables and nothing else, so a preset prints them and writes them to a file to be sourced; it never hides
them in the database.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auth_server.cli.command import usage
from auth_server.protocol.resource import Resource, ResourceScope
from auth_server.services import Services
from auth_server.settings import PREFIX, Settings
from shared import scope

MCP: Final = "mcp"
# With a path: many MCP clients write an identifier that is a bare origin with a slash behind it, and `aud` is compared as text.
_MCP_SERVER: Final = "http://localhost:8080/mcp"
_MCP_SCOPE: Final = "mcp:tools=Use the tools of this server"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a preset made, and the settings of both sides; `file` is where they lie."""

    resource: Resource
    is_new: bool
    file: Path
    issuer_settings: Mapping[str, str]
    server_settings: Mapping[str, str]


def add_preset_options(parser: argparse.ArgumentParser) -> None:
    """Let `init` prepare for a purpose."""
    parser.add_argument("--preset", choices=(MCP,), help="mcp: what protecting MCP servers takes (docs/mcp.md)")
    parser.add_argument("--mcp-server", metavar="URL", help=f"with the preset: the MCP server's address (default: {_MCP_SERVER})")
    parser.add_argument(
        "--scope",
        action="append",
        metavar="NAME=MEANING",
        help='with the preset: a scope of it; repeat for more (default: "mcp:tools")',
    )


def asked_resource(given: argparse.Namespace) -> Resource | None:
    """Return the MCP server to make known; None without a preset.

    Raises:
        CommandFailed: options of the preset without it, or a malformed scope.
    """
    if given.preset is None:
        if given.mcp_server is not None or given.scope is not None:
            raise usage("--mcp-server and --scope go with --preset mcp")
        return None
    scopes = dict(text.partition("=")[::2] for text in given.scope or [_MCP_SCOPE])
    for name in scopes:
        if not scope.is_scope_token(name):
            raise usage(f"malformed scope {name!r}")
    identifier = given.mcp_server or _MCP_SERVER
    offered = {name: ResourceScope(name, meaning) for name, meaning in scopes.items()}
    return Resource(identifier, identifier, offered, first_party=False)


async def prepare(services: Services, resource: Resource) -> Prepared:
    """Make the MCP server known, unless it is, and write the settings down.

    Raises:
        ResourceRefused: it is malformed.
    """
    settings = services.settings
    is_new = await services.resources.create(resource)
    prepared = Prepared(
        resource,
        is_new,
        settings.data_dir / "mcp.env",
        {
            f"{PREFIX}ISSUER": settings.issuer,
            # Clients that nobody here has heard of: known by a document at their own address, or registered by themselves.
            f"{PREFIX}CLIENT_ID_METADATA": "true",
            f"{PREFIX}DYNAMIC_REGISTRATION": "open",
        },
        {"RESOURCE_SERVER_ISSUER": settings.issuer, "RESOURCE_SERVER_AUDIENCE": resource.identifier},
    )
    prepared.file.write_text(_lines({**prepared.issuer_settings, **prepared.server_settings}), encoding="utf-8")
    return prepared


def told(prepared: Prepared, settings: Settings) -> str:
    """Return what a person does next."""
    scopes = " ".join(sorted(prepared.resource.scopes))
    return f"""\
settings of the issuer, and of the MCP server (both are in {prepared.file}):
{_lines(prepared.issuer_settings, "  ")}{_lines(prepared.server_settings, "  ")}
next:
  set -a; . {prepared.file}; set +a
  auth-server user create --username alice --email alice@example.com --password-file -
  auth-server serve
an MCP server at {prepared.resource.identifier} (scopes: {scopes}) is protected as docs/mcp.md shows; its clients need no registration
at {settings.issuer}."""


def _lines(values: Mapping[str, str], indent: str = "") -> str:
    return "".join(f"{indent}{name}={value}\n" for name, value in values.items())
