"""Customer histories → Part: our import format, Zendesk and Intercom exports."""
