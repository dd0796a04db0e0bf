"""XML out with the standard library, XML in without what makes XML dangerous."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET
from xml.parsers import expat

from qc_plugin.errors import UsageError

_LIMIT_BYTES = 256 << 20
_DEPTH = 64
# What XML 1.0 cannot hold, not even escaped; file names may.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: object) -> str:
    """`value` as text that XML can hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", str(value))


def child(parent: ET.Element, tag: str, content: object = None, **attributes: object) -> ET.Element:
    """A new element in `parent`; attributes that are None are left out."""
    known = {name.rstrip("_"): text(value) for name, value in attributes.items() if value is not None}
    element = ET.SubElement(parent, tag, known)
    if content is not None:
        element.text = text(content)
    return element


def document(root: ET.Element) -> str:
    """`root` as an indented XML file."""
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def parse(data: bytes) -> ET.Element:
    """The root of an XML file. Raises UsageError for one that is broken, huge, or declares a DOCTYPE.

    Without a DOCTYPE there are no entities: none that grow, and none that read other files.
    """
    if len(data) > _LIMIT_BYTES:
        raise UsageError(f"the XML file is larger than {_LIMIT_BYTES >> 20} MiB; export fewer frames at once")
    builder, depth = ET.TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            raise UsageError(
                f"the XML file is nested deeper than {_DEPTH} levels; it is not an export we know"
            )
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat knows no keyword
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise UsageError(f"the XML file is broken: {error}; export it again") from error
    return builder.close()


def _refuse(*_declaration: object) -> None:
    raise UsageError("the XML file declares a DOCTYPE or an entity; no export of labels needs one: refused")
