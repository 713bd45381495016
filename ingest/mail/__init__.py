"""E-mail messages and mailboxes → Part."""
