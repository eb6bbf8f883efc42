"""How commands are found, helped with, refused and told."""

from __future__ import annotations

import importlib
import re
import shlex
import sqlite3

import pytest

from auth_server.cli.command import Command, ExitCode
from auth_server.cli.main import NOUNS, Noun
from auth_server.cli.parsing import parse
from tests.auth_server.cli.conftest import Operator

EVERY: list[tuple[Noun, Command]] = [
    (noun, command) for noun in NOUNS for command in importlib.import_module(noun.module).COMMANDS
]
NAMES = [f"{noun.name} {command.verb}".strip() for noun, command in EVERY]


def test_the_overview_names_every_noun(nobody: Operator) -> None:
    told = nobody("--help")

    assert told.code == 0
    assert all(f"\n  {noun.name} " in told.out for noun in NOUNS)


def test_without_a_word_the_overview_is_a_usage_error(nobody: Operator) -> None:
    assert nobody().code == ExitCode.USAGE


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself_with_an_example(name: str, nobody: Operator) -> None:
    told = nobody(*name.split(), "--help")

    assert told.code == 0
    assert "\nexample" in told.out
    assert "--json" in told.out


@pytest.mark.parametrize("noun, command", EVERY, ids=NAMES)
def test_every_example_is_a_command_that_would_run(noun: Noun, command: Command) -> None:
    """What follows `auth-server NOUN VERB` in an example parses; an example over two lines is one command."""
    text = "\n".join(command.examples).replace("\\\n", " ")
    found = 0
    for line in text.splitlines():
        for part in line.replace("||", "|").split("|"):
            words = shlex.split(part)
            if "auth-server" in words:
                rest = words[words.index("auth-server") + 1 :]
                assert rest[: 1 + bool(command.verb)] == [noun.name, *([command.verb] if command.verb else [])]
                parse(noun.name, command, rest[1 + bool(command.verb) :])
                found += 1
    assert found


@pytest.mark.parametrize("noun", sorted({noun.name for noun, command in EVERY if command.verb}))
def test_every_noun_lists_its_verbs(noun: str, nobody: Operator) -> None:
    told = nobody(noun, "--help")

    assert told.code == 0
    assert all(f"\n  {command.verb} " in told.out for n, command in EVERY if n.name == noun)


@pytest.mark.parametrize("noun, command", EVERY, ids=NAMES)
def test_help_breaks_no_line_within_a_word(noun: Noun, command: Command, nobody: Operator) -> None:
    """Half a command or half an option is of no use to whoever copies it."""
    lines = nobody(noun.name, *([command.verb] if command.verb else []), "--help").out.splitlines()

    assert [line for line in lines if re.search(r"[a-z]-$", line)] == []


@pytest.mark.parametrize("noun", [noun.name for noun, command in EVERY if command.verb])
def test_the_overview_of_a_noun_ends_with_a_whole_example(noun: str, nobody: Operator) -> None:
    assert not nobody(noun, "--help").out.rstrip().endswith("\\")


@pytest.mark.parametrize(
    "words, meant",
    [
        (["clent", "list"], "did you mean client?"),
        (["client", "lst"], "did you mean list?"),
        (["client", "create", "--clientid", "x"], "did you mean --client-id?"),
        (["client", "create", "--client-id", "x", "--redirct-uri=y"], "did you mean --redirect-uri?"),
    ],
)
def test_a_typing_error_is_told_what_was_meant(words: list[str], meant: str, nobody: Operator) -> None:
    told = nobody(*words)

    assert told.code == ExitCode.USAGE
    assert meant in told.err
    assert not told.out


@pytest.mark.parametrize("words", [["client"], ["client", "--json"], ["client", "list", "--limit", "0"], ["client", "show"]])
def test_a_half_command_is_a_usage_error(words: list[str], nobody: Operator) -> None:
    assert nobody(*words).code == ExitCode.USAGE


def test_with_json_a_refusal_is_one_document_on_standard_error(nobody: Operator) -> None:
    told = nobody("client", "lst", "--json")

    assert told.error["error"] == "usage"
    assert not told.out


def test_json_may_be_said_before_the_command(operator: Operator) -> None:
    assert operator("--json", "client", "list").json == {"clients": [], "next": None}


def test_the_version_is_told(nobody: Operator) -> None:
    assert nobody("--version").out.startswith("auth-server ")
    assert "version" in nobody("--version", "--json").json


def test_settings_faults_are_told_all_at_once_one_a_line(nobody: Operator) -> None:
    nobody.set("PROT", "1")
    nobody.set("WORKERS", "many")

    told = nobody("client", "list")

    assert told.code == ExitCode.SETTINGS
    assert len(told.err.splitlines()) == 2
    assert "did you mean AUTH_SERVER_PORT?" in told.err


def test_a_command_before_init_says_what_to_do_and_makes_nothing(nobody: Operator) -> None:
    told = nobody("client", "list")

    assert told.code == ExitCode.NOT_MIGRATED
    assert "auth-server init" in told.err
    assert list(nobody.folder.iterdir()) == []


def test_a_database_that_does_not_answer_is_one_sentence(operator: Operator) -> None:
    operator.set("DATABASE_URL", "postgresql://somebody:hush-hush@127.0.0.1:1/nothing")
    operator.set("KEY_ENCRYPTION_KEYS", operator.done("key", "generate-encryption-key")["key"])

    told = operator("client", "list")

    assert told.code == ExitCode.UNAVAILABLE
    assert len(told.err.splitlines()) == 1
    assert "hush-hush" not in told.err


def test_a_malformed_key_encryption_key_is_a_settings_fault_without_its_value(operator: Operator) -> None:
    operator.set("KEY_ENCRYPTION_KEYS", "hush-hush")

    told = operator("client", "list")

    assert told.code == ExitCode.SETTINGS
    assert "hush-hush" not in told.err


def test_a_key_file_that_holds_no_key_is_named(operator: Operator) -> None:
    path = operator.folder / "data" / "key-encryption-keys"
    path.write_text("hush-hush\n", encoding="utf-8")

    told = operator("client", "list")

    assert told.code == ExitCode.SETTINGS
    assert str(path) in told.err
    assert "hush-hush" not in told.err


def test_a_port_that_is_no_number_is_told_with_the_setting_and_without_its_value(operator: Operator) -> None:
    operator.set("DATABASE_URL", "postgresql://me:hush-hush@localhost:port/x")
    operator.set("KEY_ENCRYPTION_KEYS", "A" * 43)

    told = operator("client", "list")

    assert told.code == ExitCode.SETTINGS
    assert told.err.startswith("auth-server: AUTH_SERVER_DATABASE_URL: must be")
    assert "hush-hush" not in told.err


def test_a_key_file_that_others_may_read_is_a_settings_fault(operator: Operator) -> None:
    (operator.folder / "data" / "key-encryption-keys").chmod(0o644)

    told = operator("client", "list")

    assert told.code == ExitCode.SETTINGS
    assert "chmod 600" in told.err


def test_a_file_that_is_no_database_is_one_sentence(operator: Operator) -> None:
    (operator.folder / "data" / "auth_server.db").write_bytes(b"certainly no database " * 100)

    told = operator("client", "list")

    assert told.code == ExitCode.UNAVAILABLE
    assert len(told.err.splitlines()) == 1


def test_a_database_file_is_asked_for_where_it_lies(operator: Operator) -> None:
    path = operator.folder / "data" / "auth_server.db"
    path.write_bytes(b"certainly no database " * 100)

    assert str(path) in operator("client", "list").err


def test_a_database_of_a_later_version_is_left_alone_and_told(operator: Operator) -> None:
    with sqlite3.connect(operator.folder / "data" / "auth_server.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")

    told = operator("init")

    assert told.code == ExitCode.UNAVAILABLE
    assert told.err == "auth-server: the database's schema is newer than this program: a later version was here\n"


@pytest.mark.parametrize("word", ["init", "migrate"])
def test_a_start_that_cannot_be_is_told_in_words_with_the_code_of_any_other_command(word: str, nobody: Operator) -> None:
    nobody.set("KEY_ENCRYPTION_KEYS", "hush-hush")
    malformed = nobody(word)
    nobody.set("KEY_ENCRYPTION_KEYS", "A" * 43)
    nobody.set("DATA_DIR", str(nobody.file("a-file", "") + "/data"))
    no_folder = nobody(word)
    nobody.set("DATABASE_URL", "postgresql://somebody:hush-hush@127.0.0.1:1/nothing")
    no_database = nobody(word)

    assert [malformed.code, no_folder.code, no_database.code] == [
        ExitCode.SETTINGS,
        ExitCode.SETTINGS,
        ExitCode.UNAVAILABLE,
    ]
    assert all(len(told.err.splitlines()) == 1 for told in (malformed, no_folder, no_database))
    assert all("hush-hush" not in told.err for told in (malformed, no_folder, no_database))


def test_an_argument_that_is_no_text_is_a_usage_error(operator: Operator) -> None:
    """Bytes that are not UTF-8 reach Python as lone surrogates."""
    assert operator("client", "show", "\udcff").code == ExitCode.USAGE


@pytest.mark.parametrize("typed, code", [("reader\n", ExitCode.OK), ("yes\n", ExitCode.REFUSED), ("", ExitCode.REFUSED)])
def test_at_a_terminal_a_deletion_is_confirmed_by_typing_the_name(typed: str, code: ExitCode, operator: Operator) -> None:
    operator("role", "create", "reader")

    told = operator("role", "delete", "reader", stdin=typed, terminal=True)

    assert told.code == code
    assert "Type reader to go on" in told.err
    assert len(operator.done("role", "list")["roles"]) == (0 if code is ExitCode.OK else 1)
