"""How a process that makes many values keeps its garbage collector out of the way."""

import gc


def settle_memory() -> None:
    """Keep the garbage collector from looking again and again at what lives as long as the process.

    A batch makes some hundred thousand values and hardly a circle; a tenth of ingest's time went into looking for them,
    and half of the time of asking the gate for a long list.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
