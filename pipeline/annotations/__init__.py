"""The annotation files of published datasets: one reader per format, all giving the same kind of entries."""
