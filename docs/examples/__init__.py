"""Runnable examples of the resource server kit, one for each framework. Each is a whole program.

    RESOURCE_SERVER_ISSUER=http://localhost:8000 RESOURCE_SERVER_AUDIENCE=http://localhost:8001 python docs/examples/flask_orders.py 8001

Settings come from `RESOURCE_SERVER_*`; the one argument is the port. They all are the same small API, and `docs/kit.md` shows their code.
"""
