"""The words people read, by stable ids, in every language there is, and which language a person gets.

Refuses to know HTML, mail and requests: it turns an id and values into text. One JSON file for each language.
"""
