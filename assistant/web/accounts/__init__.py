"""The pages on which people log in and look after accounts: plain HTML forms, no script at all."""
