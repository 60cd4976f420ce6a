#!/usr/bin/env python3
"""Records what real programs write to a terminal, for the tests of the screen.

Usage: record.py DIRECTORY. Writes one file per program and size, NAME-COLSxROWS.raw. A recording
holds raw output; the recorder answers the questions programs wait for, as a terminal would.
"""
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

SIZES = [(80, 24), (120, 40)]
ANSWERS = [
    (b"\x1b[c", b"\x1b[?62;22c"),
    (b"\x1b[>c", b"\x1b[>0;276;0c"),
    (b"\x1b[6n", b"\x1b[1;1R"),
]
BUSY = "hostname host; for n in 1 2 3 4 5 6; do sh -c 'while :; do sleep 0.2; done' & done; "


def record(argv, keys, cols, rows, cwd, env):
    """Runs a program, types each of `keys` once output has settled, and gives its output."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execvpe(argv[0], argv, env)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
    out = bytearray()

    def settle(quiet=0.25, limit=3.0):
        end = time.time() + limit
        while time.time() < end:
            ready, _, _ = select.select([master], [], [], quiet)
            if not ready:
                return True
            try:
                data = os.read(master, 65536)
            except OSError:
                return False
            if not data:
                return False
            out.extend(data)
            for question, answer in ANSWERS:
                if question in data:
                    os.write(master, answer)
        return True

    alive = settle()
    for key in keys:
        if not alive:
            break
        os.write(master, key)
        alive = settle()
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        pass
    os.close(master)
    os.waitpid(pid, 0)
    return bytes(out)


def repository(root):
    path = os.path.join(root, "repository")
    git = ["git", "-C", path, "-c", "user.name=A", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "init", "-q", "-b", "main", path], check=True)
    for number in range(8):
        with open(os.path.join(path, f"file{number}.txt"), "w") as file:
            file.writelines(f"line {line} of file {number}\n" for line in range(30))
        subprocess.run(git + ["add", "."], check=True)
        subprocess.run(git + ["commit", "-q", "-m", f"add file {number} with some lines"], check=True)
    return path


def main():
    target = sys.argv[1]
    here = os.path.dirname(os.path.abspath(__file__))
    root = tempfile.mkdtemp()
    repo = repository(root)
    with open(os.path.join(root, "text.md"), "w") as file:
        for number in range(300):
            file.write(f"# Heading {number}\n\nSome *text* with `code`, wide 你好 and {'x' * (number % 150)}\n")
    with open(os.path.join(root, "code.c"), "w") as file:
        for number in range(120):
            file.write(f'/* {number} */ static int f{number}(int a) {{ return a + "s"[{number % 2}]; }}\n')
    env = {
        "PATH": os.environ["PATH"],
        "HOME": root,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "GIT_EDITOR": "vim",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.com",
        "PS1": "$ ",
    }
    vim = ["vim", "-n", "-u", "NONE", "-N", "--cmd", "syntax on | set mouse=a ruler number", "code.c"]
    programs = {
        "vim": (vim, [b"\x06", b"\x04", b":split\r", b"ggOhello w\xc3\xb6rld\x1b", b"5dd", b"u", b"/f77\r", b":vs text.md\r", b"\x06"], root),
        "vim-ended": (vim, [b"\x06", b"GA end\x1b", b":q!\r"], root),
        "less": (["less", "text.md"], [b" ", b" ", b"b", b"/Heading 42\r", b"n", b"G", b"k", b"k", b"\x1b[C"], root),
        "less-ended": (["less", "text.md"], [b" ", b"G", b"q"], root),
        # Nothing of the machine is to be seen: a process table and a host name of their own.
        "htop": (["unshare", "-pfu", "--mount-proc", "sh", "-c", BUSY + "htop -d 2"], [b"", b"t", b"\x1b[B\x1b[B", b"\x1bOQ", b"\x1b"], root),
        "tmux": (
            ["unshare", "-u", "sh", "-c", f"hostname host; tmux -L record{os.getpid()} -f /dev/null new-session 'bash --norc'"],
            [b"ls -la\r", b"\x02%", b"seq 1 200\r", b'\x02"', b"echo \xe4\xbd\xa0\xe5\xa5\xbd\r", b"\x02o", b"\x02[\x1b[5~", b"q", b"\x02c", b"git -C repository log --color=always | cat\r"],
            root,
        ),
        "rebase": (
            ["git", "rebase", "-i", "HEAD~6"],
            [b"jdd", b":2,3s/pick/reword/\r", b":wq\r", b"ccreworded\x1b:wq\r", b":wq\r"],
            repo,
        ),
        "bash": (
            ["bash", "--norc"],
            [b"seq 1 300\r", b"ls --color=always -la\r", b"echo " + b"long " * 60 + b"\r", b"\x1b[A\x01\x1b[3~\x1b[3~abc\x05", b"\x03", b"git -C repository log --graph --color --stat | cat\r", b"clear\r", b"printf '\\033[41mred\\n\\nline\\033[m\\n'\r"],
            root,
        ),
        "agent": (["python3", os.path.join(here, "agent.py")], [b"hello", b"\r", b"\x1b[A", b"q"], root),
    }
    for name, (argv, keys, cwd) in programs.items():
        for cols, rows in SIZES:
            out = record(argv, keys, cols, rows, cwd, env)
            with open(os.path.join(target, f"{name}-{cols}x{rows}.raw"), "wb") as file:
                file.write(out)
            print(name, cols, rows, len(out))
    subprocess.run(["tmux", "-L", f"record{os.getpid()}", "kill-server"], check=False)
    shutil.rmtree(root, ignore_errors=True)


main()
