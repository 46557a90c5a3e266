"""Text as the rest of the package sees it: clean, in sentences, in words."""
