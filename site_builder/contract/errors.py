"""The one exception for input that cannot be used."""


class BadInput(Exception):
    """Input that cannot be used, told in one sentence that names the file, the field and the mend.

    Both command lines print it to standard error and exit with code 2; it never shows a traceback.
    """


def told(error: BadInput | PermissionError) -> str:
    """What a command says before it ends: one sentence."""
    if isinstance(error, BadInput):
        return str(error)
    return f"{error.filename} may not be used ({error.strerror}); name another, or ask for the right to."
