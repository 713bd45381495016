"""Measures answers: suites of generated texts, faithfulness to dense attention, ablations, a retrieval rival."""
