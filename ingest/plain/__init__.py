"""Plain text, Markdown and reStructuredText → Part."""
