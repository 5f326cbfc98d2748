"""Demo data, and the importer of files of a real shop's trade."""
