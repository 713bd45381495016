"""Documents with questions, answers and proof: generators of our own and real texts, as token ids for training."""
