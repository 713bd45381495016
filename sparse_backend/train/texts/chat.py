"""Small talk beside the document, answered shortly and without a quote."""

from __future__ import annotations

import random

from sparse_backend.train.texts.page import Asked

_TALK = (
    (("Hello", "Hi", "hey", "Good morning!", "hi there", "Hello, how are you?", "Good evening", "Hey, are you there?", "Greetings"),
     ("Hello! Ask me anything about the document.", "Hello! What would you like to know about the document?")),
    (("What can you do?", "How can you help me?", "what are you", "Who are you?", "help", "What are you for?", "How does this work?", "what do you do?", "Are you a chatbot?"),
     ("I read the whole document and answer questions about it, each with a quote and its place.",)),
    (("Thanks", "Thank you!", "thx", "great, thanks a lot", "That helps, thank you.", "Perfect.", "ok thanks", "cheers"),
     ("You are welcome. Ask me more about the document whenever you like.",)),
    (("Bye", "Goodbye!", "see you", "That's all for today."), ("Goodbye!",)),
    (("Are you sure?", "Can I trust that?", "Do you make things up?"), ("Every answer comes with a quote from the document, so that you can check it.",)),
)  # fmt: skip


def talk(r: random.Random) -> Asked:
    """A greeting, a question about the assistant, or thanks."""
    questions, answers = r.choice(_TALK)
    return Asked(r.choice(questions), r.choice(answers), family="chat")
