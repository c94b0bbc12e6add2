"""Pictures of conformers and of how they came about."""
