"""Libraries that no single file holds: chunks of the input, a shard of conformers for each, runs that are resumed."""
