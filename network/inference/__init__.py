"""A trained network: its checkpoint, its predictions, what it sees."""
