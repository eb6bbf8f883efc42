"""What a person must still do in the browser before an authorization request is answered: one step, one page, and back.

Owns the order of the steps (`next_step.py`, pure) and the row behind each request that waits (`service.py`). Pages do one step and
return to `/authorize?request=ID`, which asks for the next; no page knows which page comes after it. Refuses to know SQL, and how a
password is checked.
"""
