"""Runs over question sets, and their reports."""
