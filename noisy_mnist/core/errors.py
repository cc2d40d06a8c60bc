"""The one exception whose message is written for the user."""


class UserError(Exception):
    """Something the user can fix. The message says what was expected, what was found, and what to do.

    Stages print it without a traceback and exit with status 1.
    """
