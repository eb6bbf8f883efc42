"""What the operator sees while it runs: log lines.

Refuses to know what is logged; redaction is part of the form, see `shared/log_line.py`.
"""
