"""A contract's own structure: parties, terms, references, signatures, and what is wrong with them."""
