"""Runs over question sets, and the report of what came out."""
