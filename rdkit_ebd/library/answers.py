"""What is answered to those who have seeds deblurred? Conformers, or why not: the request to blame stands alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rdkit_ebd.generators.service import Deblurred, Deblurrer, DeviceFull, Request
from rdkit_ebd.library.messages import Refusal

Network = Callable[[Sequence[Request]], list[Deblurred]]
"""Deblurs requests that go well together."""


def answers_of(network: Network, requests: Sequence[Request]) -> list[Deblurred | Refusal]:
    """An answer to each request, whatever one of them brings the network to."""
    try:
        return [*network(requests)]
    except Exception as error:  # the molecule's, and not the end of the others
        if len(requests) > 1:  # one of them is to blame
            return [answer for request in requests for answer in answers_of(network, [request])]
        return [Refusal(str(error), isinstance(error, DeviceFull))]


def deblurred(answer: Deblurred | Refusal) -> Deblurred:
    """The conformers of an answer.

    Raises:
        DeviceFull: Not even one of the seeds fits into the memory of the device.
        RuntimeError: They could not be deblurred for another reason.
    """
    if isinstance(answer, Refusal):
        raise (DeviceFull if answer.full else RuntimeError)(answer.message)
    return answer


def one_by_one(deblurrer: Deblurrer) -> Network:
    """A deblurrer as it is asked by a pool of workers."""
    return lambda requests: [deblurrer(request) for request in requests]
