"""`python -m polyai_diag` is `polyai-diag`."""

import sys

from polyai_diag.cli import main

if __name__ == "__main__":
    sys.exit(main())
