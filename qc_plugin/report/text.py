"""Text that may go into a report: valid Unicode, and free of secrets."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_NAMES_ONLY = ("file", "s3")
_QUERY = re.compile(r"\?[\w.-]+=.*", re.DOTALL)


def plain_text(text: str) -> str:
    r"""`text` as valid UTF-8. A file name that is not (Linux allows any bytes) shows them as `\udc..`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def without_secrets(uri: str) -> str:
    """`uri` without user, password, query and fragment, where addresses carry keys. A path stays as it is.

    So does the path of a file or of an object of a store, where `?` and `#` are letters of the name; what
    looks like a signature there, `?name=value`, goes.
    """
    if "://" not in uri:
        return plain_text(uri)
    scheme, _, rest = uri.partition("://")
    if scheme.lower() in _NAMES_ONLY:
        host, slash, path = rest.partition("/")
        return plain_text(f"{scheme}://{host.rpartition('@')[2]}{slash}{_QUERY.sub('', path)}")
    try:
        parts = urlsplit(uri)
    except ValueError:  # "[" without "]" in the host: not an address anyone can open
        return plain_text(uri.split("?", 1)[0].split("#", 1)[0])
    host = parts.netloc.rpartition("@")[2]
    return plain_text(urlunsplit((parts.scheme, host, parts.path, "", "")))
