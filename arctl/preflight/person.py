"""Who submits, as partitions see it: login name and groups."""

from __future__ import annotations

import grp
import os
import pwd

from arctl.preflight.allowance import Person


def me() -> Person:
    """Return the person who runs this process; a user or group without a name is left out."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return Person(name, frozenset(_groups()), root=os.getuid() == 0)


def _groups() -> list[str]:
    found = []
    for number in {os.getgid(), *os.getgroups()}:
        try:
            found.append(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return found
