"""What lies under landing/: files to read, paths that are skipped, people's corrections.

Nothing here reads what is inside a delivered file.
"""
