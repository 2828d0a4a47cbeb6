"""Records in files: CSV and NDJSON, read and written a piece at a time."""
