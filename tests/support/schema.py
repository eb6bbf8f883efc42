"""The schema of a template database: straight from the tables, which the tests of the migrations hold to be the same."""

from auth_server.store.fresh_schema import build_schema

__all__ = ["build_schema"]
