"""Ask the command server to run a command on this process's streams: see command_server.py.

It starts in a few milliseconds, because it imports built-in modules only.
"""

import _socket
import posix
import sys


def main():
    name = sys.argv[1].rpartition("/")[2]
    request = "\0".join([posix.getcwd(), name, *sys.argv[2:]]).encode(errors="surrogateescape")
    streams = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2))
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(posix.environ[b"STEPS_COMMAND_SERVER"])
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)]
    connection.sendmsg([len(request).to_bytes(8, "little")], rights)
    connection.sendall(request)
    status = connection.recv(1)
    posix._exit(status[0] if status else 141)  # no status: killed, as by a broken pipe


if __name__ == "__main__":
    main()
