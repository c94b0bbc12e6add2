"""Many molecules: jobs in order, on one core or on many."""
