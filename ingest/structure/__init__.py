"""Text → sections: numbering, titles, bookmarks and styles, weighed together."""
