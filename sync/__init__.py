"""The engine, room by room: `intake`, `polling`, `road`, `fit`, `alerts`, `comments`, and the `daemon` around them.

Start reading at `road/road.py`.
"""
