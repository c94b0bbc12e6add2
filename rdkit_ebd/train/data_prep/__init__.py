"""From reference conformers to training shards."""
