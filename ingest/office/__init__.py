"""Office files → Part: Word, Excel, CSV."""
