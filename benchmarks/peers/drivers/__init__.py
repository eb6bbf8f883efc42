"""One process for each library: reads what to do from standard input, a JSON object a line, and answers with one.

The files here run in the libraries' own environment and import nothing of this project but, in the kit's own, the kit.
"""
