"""Reference data sets: records, the files they are read from."""
