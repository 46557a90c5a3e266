"""Who writes the answer, and the one place where prompts are made."""
