"""HTML pages that need nothing beside them: what all of them are made of."""
