"""From shards to weights; needs torch alone."""
