#!/usr/bin/env python3
"""Writes like a coding agent: frames inside of mode 2026, an input box that is redrawn in place,
streamed text above it, true colour, links, emoji, titles that spin and program status."""
import os
import random
import sys
import time

random.seed(7)
COLS, ROWS = os.get_terminal_size()
WORDS = "the parser reads every byte and keeps 状態 of the screen 🎉 while rows scroll naïve".split()


def out(text):
    sys.stdout.write(text)


def color(red, green, blue, text):
    return f"\x1b[38;2;{red};{green};{blue}m{text}\x1b[39m"


def box(text, spinner):
    width = COLS - 2
    out("\x1b[2K" + color(180, 120, 255, spinner) + " \x1b[2mThinking… (esc to interrupt)\x1b[22m\r\n")
    out("\x1b[2K╭" + "─" * width + "╮\r\n")
    out("\x1b[2K│\x1b[1m > \x1b[22m" + text.ljust(width - 3) + "│\r\n")
    out("\x1b[2K╰" + "─" * width + "╯\r\n")
    out("\x1b[2K  \x1b[7m auto \x1b[27m \x1b[38;5;244m? for shortcuts\x1b[m")


def main():
    out("\x1b[?2004h\x1b[?1004h\x1b[>5u\x1b]7501;?\x1b\\\x1b[c")
    out("\x1b]7501;state=idle:app=agent\x1b\\")
    box("", "✻")
    for frame in range(160):
        out("\x1b[?2026h\x1b[?25l")
        out(f"\x1b]0;{'⠋⠙⠹⠸⠼⠴'[frame % 6]} working\x07")
        out("\r\x1b[4A\x1b[J")
        if frame % 3 == 0:
            line = " ".join(random.choice(WORDS) for _ in range(random.randint(1, 40)))
            link = f"\x1b]8;;https://example.com/{frame}\x1b\\file{frame}.rs\x1b]8;;\x1b\\"
            out(color(frame, 200, 255 - frame, "● ") + line + " " + link + "\r\n")
        if frame % 20 == 7:
            out("\x1b[48;2;30;60;30m+ added line\x1b[K\x1b[49m\r\n\x1b[48;5;52m- removed\x1b[K\x1b[m\r\n")
            out("\x1b]7501;state=working:msg=UnVubmluZyBhIGNvbW1hbmQ=\x1b\\")
        box("typed " * (frame % 9), "✢✳✶✻✽"[frame % 5])
        out(f"\x1b[{3 + frame % 5}G\x1b[2A\x1b[?25h\x1b[2B\x1b[?2026l")
        sys.stdout.flush()
    out("\x1b]7501;state=done\x1b\\\x1b]0;agent\x07")
    sys.stdout.flush()
    time.sleep(2)


main()
