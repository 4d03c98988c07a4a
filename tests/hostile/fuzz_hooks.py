# What the fuzz of the API cannot know by itself: how a body of one JSON object a line is made of the text that it thought of.

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    """A line that is an event, whose session is that text, and the text itself as a line: to be taken, or refused as a line."""
    text = value if isinstance(value, str) else json.dumps(value)
    event = {"session_id": text[:40] or "nobody", "timestamp": 1396864800000, "item_id": 7}
    return (json.dumps(event) + "\n" + text).encode("utf-8", "replace")
