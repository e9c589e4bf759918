"""A reader of big-endian bit fields, for the few headers that are read in Python."""

from __future__ import annotations


class BitReader:
    """Reads bits from the most significant end of ``data``. Reading past the end raises :class:`EOFError`."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def u(self, num_bits: int) -> int:
        """An unsigned integer of ``num_bits`` bits."""
        if num_bits > self._left:
            raise EOFError(f"header ends {num_bits - self._left} bits early")
        self._left -= num_bits
        return (self._value >> self._left) & ((1 << num_bits) - 1)

    def flag(self) -> bool:
        """One bit."""
        return self.u(1) == 1

    def ue(self) -> int:
        """An unsigned Exp-Golomb code (H.264 clause 9.1)."""
        rest = self._value & ((1 << self._left) - 1)
        zeros = self._left - rest.bit_length()
        if zeros > 32:
            raise ValueError("Exp-Golomb code longer than 32 bits")
        return self.u(2 * zeros + 1) - 1

    def se(self) -> int:
        """A signed Exp-Golomb code (H.264 clause 9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)
