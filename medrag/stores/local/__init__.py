"""The index in a directory: SQLite for the truth, FAISS and tantivy files derived from it."""
