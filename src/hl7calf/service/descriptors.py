"""How many file descriptors the process has open, and how many it may (R12).

Law: this only counts. When all are used Twisted takes a new peer with one kept in reserve and closes it at once, so
its sender comes again; what stands goes on. A person must hear of it before that.
"""

import errno
import os
import resource
from collections.abc import Callable, Sequence

_LISTED = "/dev/fd"  # of this very process; a link to /proc/self/fd on Linux
_LEFT = 16  # what the store, a reload and a look at the queue may need at the same time


def few_left(
    allowed: Callable[[], int] = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    listed: Callable[[str], Sequence[str]] = os.listdir,
) -> bool:
    """Tell whether so few are left that peers, or the store, could soon be without one."""
    try:
        used = len(listed(_LISTED))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)  # listing them needs one, too
    limit = allowed()
    return limit != resource.RLIM_INFINITY and used > limit - _LEFT
