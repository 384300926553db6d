"""What a policy means for a book: snapshot in, results out."""
