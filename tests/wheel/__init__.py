"""The distributions that `make wheel` builds: what is in them, and that they work on a machine that is not ours."""
