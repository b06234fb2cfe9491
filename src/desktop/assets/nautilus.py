"""Emblems and menu entries of the b2bmount drive in Files (GNOME).

For nautilus-python 4 and Nautilus 43 or newer. Written by `b2bmount desktop install`, removed by `desktop uninstall`.

The state of a file is an extended attribute, which the drive answers from this machine: no content is read and
nothing is downloaded. GIO asks for it on a thread of its own, so Files never waits for the drive. (A thread of Python's
would not do: Files holds the interpreter's lock while it waits for events.)
"""

import time
from collections import OrderedDict

from gi.repository import Gio, GLib, GObject, Nautilus

COMMAND = []

# GIO's name for `user.b2bmount.state`.
ATTRIBUTE = "xattr::b2bmount.state"
# Of states that are not here nothing is shown.
EMBLEMS = {
    "online-only": "b2bmount-online-only",
    "partly-local": "b2bmount-online-only",
    "locally-available": "b2bmount-locally-available",
    "always-available": "b2bmount-always-available",
    "syncing": "b2bmount-syncing",
    "attention": "b2bmount-needs-attention",
}
PINNED = "always-available"

# States change without an event that Files would see: what is in view is looked at again.
REFRESH_SECONDS = 3
WATCHED = 256
# Asked again within this time, a state is still right.
FRESH_SECONDS = 1
REMEMBERED = 20_000
PATHS_AT_ONCE = 500


class MountTable:
    """Where b2bmount drives are mounted. Asks the kernel's table only, never a file system."""

    def __init__(self):
        self._prefixes = ()
        self._read_at = float("-inf")

    def has(self, path):
        now = time.monotonic()
        if now - self._read_at >= FRESH_SECONDS:
            self._prefixes = tuple(self._drives())
            self._read_at = now
        return any(path == drive or path.startswith(drive + "/") for drive in self._prefixes)

    @staticmethod
    def _drives():
        try:
            with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
                for line in table:
                    before, _, after = line.partition(" - ")
                    kind, source = (after.split(" ") + ["", ""])[:2]
                    if kind == "fuse.b2bmount" or (kind.startswith("fuse") and source == "b2bmount"):
                        yield unescape(before.split(" ")[4])
        except OSError:
            return


def unescape(path):
    """The kernel writes space, tab, newline and backslash as octal digits."""
    for octal, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(octal, character)
    return path


class B2BMount(GObject.GObject, Nautilus.InfoProvider, Nautilus.MenuProvider):
    def __init__(self):
        super().__init__()
        self._mounts = MountTable()
        # Path -> state, as last read; path -> (weak reference to Files' object, when asked). Oldest first.
        self._states = OrderedDict()
        self._watched = OrderedDict()
        GLib.timeout_add_seconds(REFRESH_SECONDS, self._refresh)

    # Emblems

    def update_file_info(self, file):
        path = self._path_on_drive(file)
        if path is None:
            return
        state = self._states.get(path)
        if state in EMBLEMS:
            file.add_emblem(EMBLEMS[state])
        _, asked = self._watched.pop(path, (None, float("-inf")))
        now = time.monotonic()
        if now - asked >= FRESH_SECONDS:
            self._ask(path)
            asked = now
        self._watched[path] = (file.weak_ref(), asked)
        while len(self._watched) > WATCHED:
            self._watched.popitem(last=False)
        while len(self._states) > REMEMBERED:
            self._states.popitem(last=False)

    def _ask(self, path):
        Gio.File.new_for_path(path).query_info_async(
            ATTRIBUTE,
            Gio.FileQueryInfoFlags.NOFOLLOW_SYMLINKS,
            GLib.PRIORITY_LOW,
            None,
            self._answered,
            path,
        )

    def _answered(self, location, result, path):
        try:
            state = location.query_info_finish(result).get_attribute_string(ATTRIBUTE)
        except GLib.Error:
            state = None
        if self._states.get(path) == state:
            return
        self._states[path] = state
        file = self._watched.get(path, (lambda: None, 0))[0]()
        # Files asks update_file_info again, which finds the state.
        if file is not None:
            file.invalidate_extension_info()

    def _refresh(self):
        now = time.monotonic()
        for path, (reference, _) in list(self._watched.items()):
            if reference() is None:
                del self._watched[path]
            else:
                self._watched[path] = (reference, now)
                self._ask(path)
        return GLib.SOURCE_CONTINUE

    # Menus

    def get_file_items(self, *arguments):
        # Before version 4 of the interface the window came first.
        paths = [self._path_on_drive(file) for file in arguments[-1]]
        if not paths or None in paths:
            return []
        pinned = all(self._states.get(path) == PINNED for path in paths)
        keep = (
            self._item("unpin", "Stop Always Keeping on This Device", paths)
            if pinned
            else self._item("pin", "Always Keep on This Device", paths)
        )
        items = [keep, self._item("free-up", "Free Up Space", paths)]
        if len(paths) == 1:
            items.append(self._item("open", "View Online", paths))
        return items

    def get_background_items(self, *arguments):
        path = self._path_on_drive(arguments[-1])
        return [] if path is None else [self._item("open", "View Online", [path])]

    def _item(self, verb, label, paths):
        item = Nautilus.MenuItem(name=f"B2BMount::{verb}", label=label, icon="b2bmount")
        item.connect("activate", self._run, verb, paths)
        return item

    def _run(self, _item, verb, paths):
        for start in range(0, len(paths), PATHS_AT_ONCE):
            some = paths[start : start + PATHS_AT_ONCE]
            # What goes wrong, the command shows by itself.
            command = Gio.Subprocess.new(COMMAND + [verb] + some, Gio.SubprocessFlags.NONE)
            command.wait_async(None, lambda *_, asked=some: [self._ask(path) for path in asked])

    def _path_on_drive(self, file):
        if file.get_uri_scheme() != "file":
            return None
        path = file.get_location().get_path()
        return path if path is not None and self._mounts.has(path) else None
