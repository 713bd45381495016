"""Generators of texts with questions and answer keys, one function a task; `registry` lists them."""
