"""Which picture a list is taken to point into."""

from __future__ import annotations

from videotx.extract._native import MAX_REORDER_FRAMES, ReferenceOrder
from videotx.extract.frame import REF_UNKNOWN


def order_of(decoding: str, *, single: bool = False, hidden: str = "") -> ReferenceOrder:
    """``decoding`` names pictures in decoding order; capital letters are references."""
    order = ReferenceOrder(single)
    for number, name in enumerate(decoding):
        if name.isupper():
            order.coded(number, shown=name not in hidden)
    return order


def test_b_pictures_point_to_the_references_around_them() -> None:
    # Displayed I b P, decoded I P b.
    order = order_of("IPb")
    order.displayed(0, 0)
    order.displayed(2, 1)
    assert order.resolve(2, 1, both=True, final=False) is None  # P is decoded, and not yet displayed
    order.displayed(1, 2)
    assert order.resolve(2, 1, both=True, final=False) == (-1, 1)
    assert order.resolve(1, 2, both=False, final=False) == (-2, -2)


def test_pictures_decoded_later_are_no_references() -> None:
    # Displayed I P1 P2: P1 must not point to P2.
    order = order_of("IPQ")
    for number in range(3):
        order.displayed(number, number)
    assert order.resolve(1, 1, both=True, final=True) == (-1, -1)


def test_b_pictures_that_are_references_come_first() -> None:
    # A pyramid: displayed I b B c P, decoded I P B b c.
    order = order_of("IPBbc")
    for index, number in enumerate((0, 3, 2, 4, 1)):
        order.displayed(number, index)
    assert order.resolve(3, 1, both=True, final=False) == (-1, 1)
    assert order.resolve(4, 3, both=True, final=False) == (-1, 1)
    assert order.resolve(1, 4, both=False, final=False) == (-4, -4)


def test_a_single_reference_is_the_one_decoded_last_for_both_lists() -> None:
    # Displayed I b c P, decoded I P b c, one reference kept: both lists of b and c can only be P.
    order = order_of("IPbc", single=True)
    for index, number in enumerate((0, 2, 3, 1)):
        order.displayed(number, index)
    assert order.resolve(2, 1, both=True, final=False) == (2, 2)
    assert order.resolve(3, 2, both=True, final=False) == (1, 1)
    assert order.resolve(1, 3, both=False, final=False) == (-3, -3)


def test_references_that_are_never_displayed_are_unknown() -> None:
    # The stream starts inside a GOP: I and P were decoded only.
    order = order_of("IPQb", hidden="IP")
    order.displayed(2, 0)
    assert order.resolve(2, 0, both=False, final=False) == (REF_UNKNOWN, REF_UNKNOWN)
    single = order_of("IP", single=True, hidden="I")
    single.displayed(1, 0)
    assert single.resolve(1, 0, both=False, final=False) == (REF_UNKNOWN, REF_UNKNOWN)


def test_a_lost_reference_does_not_hold_up_the_rest_for_ever() -> None:
    order = order_of("IPb")
    order.displayed(0, 0)
    order.displayed(2, 1)
    for index in range(2, MAX_REORDER_FRAMES + 1):
        order.displayed(100 + index, index)
        assert order.resolve(2, 1, both=True, final=False) is None
    order.displayed(200, MAX_REORDER_FRAMES + 1)
    assert order.resolve(2, 1, both=True, final=False) == (-1, -1)


def test_the_end_of_the_stream_settles_everything() -> None:
    order = order_of("IPb")
    order.displayed(0, 0)
    order.displayed(2, 1)
    assert order.resolve(2, 1, both=True, final=True) == (-1, -1)


def test_distances_beyond_a_byte_are_unknown() -> None:
    order = order_of("IP")
    order.displayed(0, 0)
    order.displayed(1, 127)
    assert order.resolve(1, 127, both=False, final=True) == (-127, -127)
    assert order.resolve(1, 128, both=False, final=True) == (REF_UNKNOWN, REF_UNKNOWN)
