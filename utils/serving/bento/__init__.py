"""Files that every bundle carries as they are."""
