"""The page: a rendering of events. The only package, beside app.py, that imports gradio."""
