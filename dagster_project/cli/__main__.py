"""``python -m dagster_project.cli``: the command line without its installed script."""

from dagster_project.cli.entry import main

if __name__ == "__main__":
    main()
