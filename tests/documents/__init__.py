"""The documents say what the code does: these tests read both."""
