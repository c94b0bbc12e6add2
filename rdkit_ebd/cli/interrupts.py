"""How does Ctrl-C end a command whenever it comes, RDKit's own loops included?"""

from __future__ import annotations

import _thread
import signal
import threading


def hear_interrupts() -> None:
    """Make Ctrl-C count whenever it comes.

    RDKit's embedding catches SIGINT, stops with a shorter answer and tells nobody, so that a Ctrl-C in the coarse
    stage would be lost (rdkit#8576). Here one thread alone receives the signal and hands it to RDKit and to Python.
    Call it before torch and NumPy start their threads: these must not receive it either.
    """
    if not hasattr(signal, "pthread_sigmask") or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return  # Windows, or run in the background, where the shell has it ignored
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=_pass_interrupts_on, daemon=True).start()


def _pass_interrupts_on() -> None:
    while True:
        signal.sigwait({signal.SIGINT})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # ends RDKit's work, where that is in progress
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        _thread.interrupt_main()  # KeyboardInterrupt in the main thread, whoever had the handler
