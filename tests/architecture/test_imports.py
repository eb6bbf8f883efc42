"""The import law holds in this tree, and the test of it can fail."""

from pathlib import Path

import pytest

from tests.architecture.import_law import violations

ROOT = Path(__file__).parents[2]


def test_every_import_goes_down_and_every_library_comes_in_by_its_door() -> None:
    found = violations(ROOT)

    assert not found, "\n" + "\n".join(map(str, found))


def test_the_law_reads_every_room_of_the_tree() -> None:
    """A law that found no file would hold as well."""
    assert (ROOT / "auth_server" / "store").is_dir()
    assert (ROOT / "shared" / "jwk.py").is_file()


LAWFUL = {
    "shared/scope.py": "import re\nfrom shared.claims import Claim\n",
    "auth_server/__init__.py": '__version__ = "1"\n',
    "auth_server/app.py": "import starlette\nfrom auth_server import __version__, services\nimport auth_server.api.routes\n",
    "auth_server/api/routes.py": "from auth_server.services import Services\n",
    "auth_server/cli/keys.py": "def run():\n    from auth_server.services import build_services\n",
    "auth_server/store/codes.py": "from sqlalchemy import Table\nfrom auth_server.protocol.errors import OAuthError\n",
    "auth_server/settings/load.py": "import os\nENVIRON = os.environ\n",
    "resource_server/verifier/verify.py": "import hmac\nfrom urllib.parse import urlsplit\nfrom shared.jose import ALGORITHMS\n",
    "tests/flows/test_code.py": "import auth_server.app\nimport resource_server\n",
}

BREACHES = {
    "law 1, upwards": ("auth_server/store/a.py", "import re\nfrom auth_server.tokens.issuer import mint\n", 2, "law 1"),
    "law 1, sideways": ("auth_server/api/a.py", "from auth_server.endpoints import token\n", 1, "law 1"),
    "law 1, by the package": ("auth_server/keys/a.py", "from auth_server import accounts\n", 1, "law 1"),
    "law 1, for types alone": ("auth_server/web/a.py", "if TYPE_CHECKING:\n    import auth_server.keys.ring\n", 2, "law 1"),
    "law 1, an unknown room": ("auth_server/misc/a.py", "import re\n", 1, "law 1"),
    "law 1, in the package itself": ("auth_server/__init__.py", "from auth_server.app import app\n", 1, "law 1"),
    "law 2, a server": ("shared/a.py", "import auth_server\n", 1, "law 2"),
    "law 2, a library": ("shared/a.py", "import jwt\n", 1, "law 2"),
    "law 3, one server and the other": ("resource_server/a.py", "from auth_server.keys import ring\n", 1, "law 3"),
    "law 3, a server and the tests": ("auth_server/app.py", "from tests.support import a_client\n", 1, "law 3"),
    "law 3, a test of both": ("tests/auth_server/test_a.py", "import auth_server\nimport resource_server\n", 2, "law 3"),
    "law 4, async": ("resource_server/verifier/a.py", "async def verify(): ...\n", 1, "law 4"),
    "law 4, the clock": ("auth_server/protocol/a.py", "from time import time\n", 1, "law 4"),
    "law 4, randomness": ("auth_server/roles/rules.py", "import secrets\n", 1, "law 4"),
    "law 4, the network": ("resource_server/jwks/cache.py", "from urllib.request import urlopen\n", 1, "law 4"),
    "law 4, a file": ("shared/a.py", "def read(path):\n    return open(path)\n", 2, "law 4"),
    "law 4, the time of day": ("shared/a.py", "from datetime import datetime\nNOW = datetime.now(UTC)\n", 2, "law 4"),
    "law 5, SQL": ("auth_server/accounts/a.py", "from sqlalchemy import select\n", 1, "law 5"),
    "law 5, HTTP": ("auth_server/grants/a.py", "import starlette.responses\n", 1, "law 5"),
    "law 5, the environment": ("auth_server/app.py", "import os\nHOME = os.environ['HOME']\n", 2, "law 5"),
    "law 5, the environment by name": ("resource_server/guard.py", "from os import getenv\n", 1, "law 5"),
    "law 5, Services": ("auth_server/grants/refresh_token.py", "import auth_server.services\n", 1, "law 5"),
    "law 5, a library without a door": ("resource_server/a.py", "import requests\n", 1, "law 5"),
    "an import in a function": ("auth_server/tokens/a.py", "def mint():\n    import json\n", 2, "an import stands"),
}


def test_a_lawful_tree_has_no_violation(tmp_path: Path) -> None:
    for path, source in LAWFUL.items():
        _write(tmp_path / path, source)

    assert violations(tmp_path) == []


@pytest.mark.parametrize("breach", BREACHES)
def test_each_breach_is_told_with_file_line_and_law(breach: str, tmp_path: Path) -> None:
    path, source, line, law = BREACHES[breach]
    _write(tmp_path / path, source)

    assert any(str(found).startswith(f"{path}:{line}: {law}") for found in violations(tmp_path))


def _write(file: Path, source: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")
