"""Files: read as they are stored, written whole or not at all."""
