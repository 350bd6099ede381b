"""server.py SOCKET: each request becomes a fork that runs a module, until standard input ends."""

import gc
import importlib
import marshal
import os
import runpy
import selectors
import signal
import socket
import sys

from tests.support.forks import end_as_a_program

LIBRARIES = ("numpy", "pandas", "scipy.linalg", "scipy.stats", "soundfile", "torch", "yaml")


def receive(connection):
    """(arguments, working directory, environment), and the files 0, 1 and 2 of a client."""
    size, files, _, _ = socket.recv_fds(connection, 8, 3)
    missing, parts = int.from_bytes(size, "little"), []
    while missing > 0:
        parts.append(connection.recv(missing))
        missing -= len(parts[-1])
    return marshal.loads(b"".join(parts)), files


def run(arguments, folder, environment):
    """`python -m module arguments`, in this process."""
    os.environb.clear()
    os.environb.update(environment)
    os.chdir(folder)
    paths = os.environ.get("PYTHONPATH", "").split(":")
    sys.path[:] = [folder, *filter(None, paths), *(path for path in sys.path if "python3" in path)]
    if arguments[:1] != ["-m"]:
        os.execv(sys.executable, [sys.executable, *arguments])
    os.execvp = become
    sys.argv[:] = arguments[1:]
    runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)


def become(file, arguments):
    """os.execvp, where the program is Python."""
    if file == "python":
        run(arguments[1:], os.getcwd(), dict(os.environb))
        sys.exit()
    os.execvpe(file, arguments, os.environ)


class Server:
    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        self.selector = selectors.DefaultSelector()
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        self.selector.register(self.listener, selectors.EVENT_READ, self.start)
        self.jobs = {}  # file descriptor of a process: its id, and the client's connection

    def serve(self):
        """Answer until standard input ends; in a fork, return what it runs."""
        print("listening", flush=True)
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    return None
                request = key.data(key.fileobj)
                if request is not None:
                    return request

    def start(self, listener):
        connection, _ = listener.accept()
        request, files = receive(connection)
        child = os.fork()
        if not child:
            for number, file in enumerate(files):
                os.dup2(file, number)
            for file in (*files, connection.fileno(), *self.jobs):
                os.close(file)
            self.selector.close()
            return request
        for file in files:
            os.close(file)
        process = os.pidfd_open(child)
        self.jobs[process] = child, connection
        self.selector.register(process, selectors.EVENT_READ, self.finish)
        self.selector.register(connection, selectors.EVENT_READ, lambda _: self.give_up(process))

    def finish(self, process):
        child, connection = self.jobs.pop(process)
        _, status = os.waitpid(child, 0)
        for file in (process, connection):
            if file in self.selector.get_map():
                self.selector.unregister(file)
        try:
            code = os.waitstatus_to_exitcode(status)
            connection.sendall(code.to_bytes(8, "little", signed=True))
        except OSError:  # the client was killed
            pass
        connection.close()
        os.close(process)

    def give_up(self, process):
        """The client was killed: so is what it runs."""
        if process in self.jobs:
            child, connection = self.jobs[process]
            self.selector.unregister(connection)
            os.kill(child, signal.SIGKILL)


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # forks do not write to the pages of what is imported
    request = Server(sys.argv[1]).serve()
    if request is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        end_as_a_program(lambda: run(*request))


if __name__ == "__main__":
    main()
