"""May a conformer be believed? What is asked of it, and what is found."""
