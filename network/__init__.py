"""BiCoR-Seg: bidirectional co-refinement of features and class embeddings (arXiv 2512.20255)."""
