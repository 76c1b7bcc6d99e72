"""Raw files of the publishers to prepared ones, and drawn scenes."""
