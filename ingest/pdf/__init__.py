"""PDF → Part: text, reading order, styles, outline; the parsing is sandboxed."""
