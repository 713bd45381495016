"""HTML and EPUB → Part."""
