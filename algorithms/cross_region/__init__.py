"""Training across regions joined by a wide-area network: the methods, and what they share.

Read `fragments.py` first, a model cut into the pieces that are synchronised one after another, then `diloco.py` with
`rounds.py`, then `fragment_sync.py` with `streaming_diloco.py` and `cocodc.py`.
"""
