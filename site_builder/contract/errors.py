"""The one exception for input that cannot be used."""


class BadInput(Exception):
    """Input that cannot be used, told in one sentence that names the file, the field and the mend.

    Both command lines print it to standard error and exit with code 2; it never shows a traceback.
    """
