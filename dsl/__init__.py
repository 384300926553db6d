"""What a policy says: text to a checked model. Imports neither the evaluator nor NumPy."""
