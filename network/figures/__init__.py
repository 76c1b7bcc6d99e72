"""Pictures of what a network has learned and how it was trained."""
