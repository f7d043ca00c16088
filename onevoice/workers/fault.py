"""Says where a defect is without saying what it was about."""


def place_of(error: BaseException) -> str:
    """Return file and line of the error's origin: enough to find it, without the values in its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
