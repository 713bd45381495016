"""Folders, archives and git URLs → the files in them that are to be read, and why the others are not."""
