"""`python -m spanhouse_cli`: the `spanhouse` command."""

from spanhouse_cli.main import main

if __name__ == "__main__":
    main(prog_name="spanhouse")
