"""Names and small readings of Word's XML, shared by the modules that read it."""

from __future__ import annotations

from lxml import etree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
OFF = ("0", "false", "off", "none")


def value_of(element: etree._Element | None) -> str:
    """The w:val of an element, "" if it or the value is missing."""
    return "" if element is None else str(element.get(W + "val", ""))


def is_on(parent: etree._Element | None, name: str) -> bool:
    """Whether a switch such as w:vanish stands below `parent` and is not turned off."""
    element = parent.find(W + name) if parent is not None else None
    return element is not None and value_of(element) not in OFF


def number_of(text: str | None, default: int) -> int:
    """A whole number of at most nine digits."""
    try:
        return max(-999_999_999, min(999_999_999, int((text or "")[:12])))
    except ValueError:
        return default
