"""The floor plan as tables: which room stands on which floor, where a library may come in, which files are sans-I/O.

`import_law.py` holds the tree to them, and a test holds them to the tree: a row that names nothing is a fault too.
"""

from __future__ import annotations

from typing import Final

PACKAGES: Final = ("auth_server", "resource_server", "shared")

FLOORS: Final[dict[str, int]] = {
    room: floor
    for floor, rooms in {
        11: "__main__",
        # `testing` runs the whole server in the process of somebody's tests; nothing imports it.
        10: "cli testing",
        9: "app",
        8: "endpoints api",
        7: "grants client_auth interaction jobs",
        6: "services",
        5: "accounts roles sessions consent clients devices resources signals tokens health",
        4: "keys rate_limits outbound",
        3: "audit revocation migrations",
        2: "store web",
        1: "protocol settings clock line_file mail telemetry languages",
    }.items()
    for room in rooms.split()
}

# Where a library may come in. A pattern that ends in "/" is a folder, any other is a file.
DOORS: Final[dict[str, tuple[str, ...]]] = {
    "sqlalchemy": ("auth_server/store/", "auth_server/migrations/"),
    "alembic": ("auth_server/store/", "auth_server/migrations/"),
    "starlette": (
        "auth_server/app.py",
        "resource_server/adapters/fastapi.py",
        "resource_server/adapters/starlette.py",
        "resource_server/demo/",
    ),
    "uvicorn": ("auth_server/cli/serve.py", "auth_server/cli/head_bounds.py", "resource_server/demo/serve.py"),
    "uvloop": ("auth_server/cli/serve.py",),
    # A framework each: the adapter of its name, and nowhere at the top of a file.
    "fastapi": ("resource_server/adapters/fastapi.py",),
    "flask": ("resource_server/adapters/flask.py",),
    "django": ("resource_server/adapters/django.py",),
    "asgiref": ("resource_server/adapters/django.py",),
    "rest_framework": ("resource_server/adapters/django_rest.py",),
    "litestar": ("resource_server/adapters/litestar.py",),
    "grpc": ("resource_server/adapters/grpc.py",),
    "mcp": ("resource_server/adapters/mcp.py",),
    # One door a package: who makes signatures, and who checks them.
    "jwt": ("auth_server/keys/public_half.py", "resource_server/verifier/signature.py"),
    "cryptography": (
        "auth_server/keys/custodians/aws_kms.py",
        "auth_server/keys/custodians/local.py",
        "auth_server/keys/key_documents.py",
        "auth_server/keys/public_half.py",
        "auth_server/keys/sealing.py",
        "auth_server/tokens/successor.py",
        "resource_server/verifier/signature.py",
        # Of the key-only issuer for tests.
        "resource_server/testing/key_only.py",
    ),
    # The extras: whoever keeps his keys elsewhere installs one of them.
    "pkcs11": ("auth_server/keys/pkcs11_binding.py",),
    "boto3": ("auth_server/keys/custodians/aws_kms.py",),
    "botocore": ("auth_server/keys/custodians/aws_kms.py",),
    "jinja2": ("auth_server/web/templating.py",),
    "markupsafe": ("auth_server/web/templating.py",),
    # The plugin for the tests of APIs; nothing else of the kit imports it.
    "pytest": ("resource_server/testing/plugin.py",),
    # The extra `jwe`: PyJWT has no encryption.
    "joserfc": ("resource_server/decryption.py", "auth_server/keys/encryption.py"),
    "argon2": ("auth_server/accounts/passwords.py",),
}

# Rooms and files that take values and `now`, and give a value back or raise.
PURE_FOLDERS: Final = ("auth_server/protocol/", "resource_server/verifier/", "resource_server/diagnosis/", "shared/")
PURE_FILES: Final = (
    "auth_server/keys/lifecycle.py",
    "auth_server/interaction/next_step.py",
    "resource_server/jwks/cache.py",
)
PURE_FILE_NAME: Final = "rules.py"
IMPURE: Final = frozenset(
    [
        "asyncio",
        "anyio",
        "threading",
        "multiprocessing",
        "concurrent",
        "queue",
        "os",
        "io",
        "pathlib",
        "shutil",
        "tempfile",
        "socket",
        "ssl",
        "select",
        "selectors",
        "subprocess",
        "time",
        "random",
        "secrets",
        "uuid",
        "logging",
        "sqlite3",
        "http",
        "urllib.request",
        "smtplib",
        "starlette",
        "uvicorn",
        "sqlalchemy",
        "alembic",
        "httpx2",
    ]
)
# `datetime` itself may be imported, to write a time down; asking it for the time is what may not be.
IMPURE_CALLS: Final = frozenset(["open", "print", "input", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"])

ENVIRONMENT_READERS: Final = ("auth_server/settings/load.py", "resource_server/settings.py")
ENVIRONMENT_WORDS: Final = frozenset({"environ", "environb", "getenv", "putenv"})
SERVICES_ROOM: Final = "auth_server.services"
# Importing everything takes more than a second, which `auth-server client list` should not pay; frameworks and the libraries of
# custodians are optional.
LAZY_IMPORTERS: Final = (
    "auth_server/cli/",
    "auth_server/__main__.py",
    "auth_server/keys/custodians/aws_kms.py",
    "auth_server/keys/pkcs11_binding.py",
    "auth_server/mail/messages.py",
    "auth_server/mail/smtp.py",
    "auth_server/web/templating.py",
    "resource_server/cli/",
    "resource_server/guard.py",
    "resource_server/decryption.py",
    "auth_server/keys/encryption.py",
    "resource_server/frameworks.py",
    "resource_server/current.py",
    "resource_server/adapters/",
    "resource_server/testing/plugin.py",
)
# Outside the packages: who may see both sides at once. `docs/demo/` and `benchmarks/` are programs that
# start both, `tests/documents/` holds papers to the code of both, `tests/drills/` and `key_world/` let both live through faults.
MAY_SEE_BOTH: Final = (
    "tests/contract/",
    "tests/flows/",
    "tests/attacks/",
    "tests/documents/",
    "tests/drills/",
    "tests/properties/key_world/",
    "benchmarks/",
    "docs/demo/",
)
