# SPDX-License-Identifier: GPL-2.0-or-later
"""How a process ended that is not our child: a QEMU of libvirt's, by the kernel's own events
(the process connector, linux/cn_proc.h). Root's; a kernel without it knows nothing. One thread."""

import os
import socket
import struct
import time

NETLINK_CONNECTOR, NLMSG_DONE = 11, 3
SO_RCVBUFFORCE = 33
CN_IDX_PROC = CN_VAL_PROC = 1
LISTEN = 1
EXIT = 0x80000000
NETLINK = struct.Struct("=IHHII")  # length, type, flags, sequence, port
CONNECTOR = struct.Struct("=IIIIHH")  # index, value, sequence, ack, length, flags
EVENT = struct.Struct("=IIQ")  # what, CPU, time; then what is told of it
ENDED = struct.Struct("=IIII")  # thread, process, status as wait() has it, signal to the parent
AT = NETLINK.size + CONNECTOR.size


class Exits:
    """with Exits() as exits: exits.wait(pid, seconds); what ended before the block is unknown."""

    def __enter__(self):
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_CONNECTOR)
            # of every process of the machine, until somebody reads them
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
            self._socket.bind((0, CN_IDX_PROC))
            word = struct.pack("=I", LISTEN)
            self._socket.send(NETLINK.pack(AT + len(word), NLMSG_DONE, 0, 0, os.getpid())
                              + CONNECTOR.pack(CN_IDX_PROC, CN_VAL_PROC, 0, 0, len(word), 0) + word)
        except OSError:
            self._socket = None
        return self

    def __exit__(self, *_):
        if self._socket:
            self._socket.close()

    def wait(self, pid, seconds):
        """The status as subprocess has it; None where it is not to be known."""
        end = time.monotonic() + seconds
        while self._socket and (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(4096)
            except OSError:  # the time is over, or events were lost
                continue
            if EVENT.unpack_from(data, AT)[0] != EXIT:
                continue
            thread, process, status, _ = ENDED.unpack_from(data, AT + EVENT.size)
            if thread == process == pid:
                return os.waitstatus_to_exitcode(status)
        return None
