"""The one exception whose message is written for the person at the terminal."""


class UserError(Exception):
    """Something the user can mend. The message says what was expected, what was found, and what to do.

    Stages print it without a traceback and exit with status 1.
    """
