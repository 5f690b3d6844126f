"""The lab runs in its own namespaces, so that nothing is left behind however it exits.

The child of enter() is process 1 of a new PID namespace with private mounts and an empty network. When it ends, the
kernel kills every process in it and with the last of them go mounts, network namespaces and devices. It is itself
killed by the kernel when its parent dies, also by `kill -9`.
"""

import ctypes
import os
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
outside = None         # in such namespaces: the network namespace from which it was entered, an open file


def die_with_parent():
    """Call in a child before exec: the kernel kills it when its parent dies."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def enter(body):
    """Run body() in a child inside new mount, network and PID namespaces; return its exit status (body's result).

    Signals that ask to end are handed on: process 1 of a PID namespace would otherwise never see them.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.unshare(os.CLONE_NEWPID)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            global outside
            die_with_parent()
            outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            os.unshare(os.CLONE_NEWNS | os.CLONE_NEWNET)
            _private_mounts()
            for s in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(s, _end)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            status = body() or 0
        except KeyboardInterrupt:
            print("\ninterrupted", file=sys.stderr)
            status = 130
        except SystemExit as e:
            status = e.code if isinstance(e.code, int) else 1
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, lambda number, _: os.kill(pid, number))
    # A terminal sends Ctrl-C to the whole group, so the child has it already; from elsewhere it is handed on.
    signal.signal(signal.SIGINT, lambda number, _: None if sys.stdin.isatty() else os.kill(pid, number))
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _end(number, _frame):
    raise SystemExit(128 + number)


def _private_mounts():
    def mount(*args):
        subprocess.run(("mount",) + args, check=True)
    mount("--make-rprivate", "/")
    mount("-t", "proc", "proc", "/proc")
    for d in ("/run", "/tmp", "/etc/netns"):
        mount("-t", "tmpfs", "-o", "mode=0755", "lab", d)
    mount("-t", "sysfs", "sysfs", "/sys")
    os.makedirs("/run/netns")
    os.makedirs("/run/lock")
    os.chmod("/tmp", 0o1777)
    subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
