"""Long mixed loads."""
