"""The HTTP API: OpenAI-compatible answers, files, conversations, health and metrics. See docs/api.md."""
