"""From a batch of files to raw rows: preparation, staging, canonical and mapped rows."""
