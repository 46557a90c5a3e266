"""From questions and an index to leak-free training rows."""
