"""The package as a whole: what it offers, what it needs, and who may make the proof of a verification."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import resource_server

ROOT = Path(__file__).parents[2]
# What a service that only verifies tokens should not have to install, or wait for.
UNWANTED = ("starlette", "uvicorn", "anyio", "sqlalchemy", "pydantic", "httpx", "httpx2", "requests", "auth_server")
FRAMEWORKS = ("starlette", "fastapi", "flask", "django", "asgiref", "rest_framework", "litestar", "grpc", "mcp")


def test_the_public_names_are_these() -> None:
    assert sorted(resource_server.__all__) == [
        "Guard",
        "Issuer",
        "Principal",
        "Readiness",
        "Requirement",
        "SettingsError",
        "TokenRefused",
    ]


def test_importing_the_kit_brings_no_framework_and_needs_none() -> None:
    program = (
        "import sys\n"
        f"for name in {UNWANTED!r}: sys.modules[name] = None\n"
        "import resource_server, resource_server.settings, resource_server.cli, resource_server.adapters.asgi\n"
        "guard = resource_server.Guard(issuer='https://id.example.com', audience='https://a.example')\n"
        "guard.wrap(lambda *_: None, public=['/'])\n"
        "guard.asgi()\n"
        "assert resource_server.cli.main(['config', 'check']) == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_every_adapter_can_be_imported_without_its_framework() -> None:
    adapters = [f"resource_server.adapters.{path.stem}" for path in (ROOT / "resource_server" / "adapters").glob("[a-z]*.py")]
    program = (
        "import sys\n"
        f"for name in {(*FRAMEWORKS, *UNWANTED)!r}: sys.modules[name] = None\n"
        f"import importlib\nfor name in {adapters!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=False)

    assert len(adapters) > 9
    assert done.returncode == 0, done.stderr


def test_no_adapter_leaves_the_event_loop_or_wraps_a_request_to_look_at_it() -> None:
    """A protected route costs little more than an open one: raw headers, no thread, no middleware that builds objects."""
    slow = {
        "BaseHTTPMiddleware",
        "run_in_threadpool",
        "to_thread",
        "run_in_executor",
        "sync_to_async",
        "async_to_sync",
        "run_sync",
    }
    for path in (ROOT / "resource_server" / "adapters").glob("*.py"):
        named = {
            getattr(node, "id", getattr(node, "attr", None)) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        }
        assert not slow & named, path


def test_only_verify_makes_the_proof_of_a_verification() -> None:
    """The type is the proof, so one function alone may make it (see `verifier/token.py`)."""
    makers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "resource_server").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) in {"seal", "VerifiedToken"}
    }

    assert makers == {"resource_server/verifier/verify.py"}


def test_nobody_decodes_a_token_with_a_librarys_decode() -> None:
    """PyJWT's `decode` takes what we must refuse; its algorithm objects are all that is used of it."""
    for path in (ROOT / "resource_server").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not any(name.name.split(".")[0] == "jwt" for name in node.names), path


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "resource_server" / "py.typed").exists()
