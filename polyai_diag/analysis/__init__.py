"""Pure analysis: numbers and text in, facts out."""
