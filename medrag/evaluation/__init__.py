"""How good are the answers, and do we know when we do not know? Asked, judged, shown."""
