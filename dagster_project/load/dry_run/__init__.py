"""What a load would say, without loading: the check of files, the trial of a mapping."""
