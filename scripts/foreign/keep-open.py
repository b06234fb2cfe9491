"""Makes a document, or opens it, and stores it without ever closing it: once for each line of standard input, which it adds.

Arguments: the document, a folder for the profile, a name for the pipe. Prints "ready" when the document is open, "stored" after each
store, or "refused". Then a line that is a path, of a save under another name. Closes the document at the end of the input.

Needs LibreOffice and its Python bindings.
"""

import os
import subprocess
import sys
import time

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
from com.sun.star.io import IOException

LONGEST_START_SECONDS = 60


def connect(pipe):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    end = time.monotonic() + LONGEST_START_SECONDS
    while True:
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except NoConnectException:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def say(what):
    print(what, flush=True)


def store(document, line):
    if line.startswith("/"):
        document.storeAsURL(uno.systemPathToFileUrl(line), ())
        return
    text = document.Text
    text.insertString(text.End, "\n" + line, False)
    document.store()


def main(path, profile, pipe):
    office = subprocess.Popen(
        [
            "soffice",
            "--headless",
            "--norestore",
            "--nologo",
            "--nodefault",
            f"-env:UserInstallation={uno.systemPathToFileUrl(profile)}",
            f"--accept=pipe,name={pipe};urp;",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        context = connect(pipe)
        desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        hidden = PropertyValue(Name="Hidden", Value=True)
        url = uno.systemPathToFileUrl(path)
        is_new = not os.path.exists(path)
        document = desktop.loadComponentFromURL("private:factory/swriter" if is_new else url, "_blank", 0, (hidden,))
        if is_new:
            document.storeAsURL(url, ())
        say("ready")
        for line in sys.stdin:
            try:
                store(document, line.rstrip("\n"))
                say("stored")
            except IOException:
                say("refused")
        document.close(True)
        desktop.terminate()
        office.wait(20)
    finally:
        office.kill()
        office.wait()


main(*sys.argv[1:])
