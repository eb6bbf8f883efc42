"""What can be known about the images and the compose file without an engine: they are read, and their steps are replayed.

Refuses to know either server's code beyond its commands and its settings.
"""
