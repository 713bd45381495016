"""Source code → Part: tree-sitter outlines, imports, and the map of a repository."""
