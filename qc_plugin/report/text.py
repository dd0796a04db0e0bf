"""Text that may go into a report: valid Unicode, and free of secrets."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def plain_text(text: str) -> str:
    r"""`text` as valid UTF-8. A file name that is not (Linux allows any bytes) shows them as `\udc..`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def without_secrets(uri: str) -> str:
    """`uri` without user, password, query and fragment, where addresses carry keys. A path stays as it is."""
    if "://" not in uri:
        return plain_text(uri)
    try:
        parts = urlsplit(uri)
    except ValueError:  # "[" without "]" in the host: not an address anyone can open
        return plain_text(uri.split("?", 1)[0].split("#", 1)[0])
    host = parts.netloc.rpartition("@")[2]
    return plain_text(urlunsplit((parts.scheme, host, parts.path, "", "")))
