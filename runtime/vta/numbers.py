"""Numbers of any width as VTA keeps them: little endian, signed, sub-byte numbers packed from the low bits up."""

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.vta import Config, Memory

_WHOLE = {8: np.int8, 16: np.int16, 32: np.int32}


def elements(data: NDArray[np.uint8], config: Config, memory: Memory) -> NDArray[np.generic]:
    """A view of bytes as elements of 8, 16 or 32-bit numbers: (elements, rows, columns)."""
    size = config.element_bytes(memory)
    whole = data[: len(data) // size * size]
    return whole.view(_WHOLE[config.number_bits(memory)]).reshape(-1, *config.shape(memory))


def is_whole(config: Config, memory: Memory) -> bool:
    """Whether the numbers of a memory are whole bytes."""
    return config.number_bits(memory) >= 8


def unpack(raw: NDArray[np.uint8], config: Config, memory: Memory) -> NDArray[np.int32]:
    """Elements (n, bytes) as numbers (n, rows, columns)."""
    bits = config.number_bits(memory)
    shape = (len(raw), *config.shape(memory))
    if bits >= 8:
        return np.ascontiguousarray(raw).view(_WHOLE[bits]).reshape(shape).astype(np.int32)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    fields = (raw[:, :, None] >> shifts).astype(np.int32) & ((1 << bits) - 1)
    return (fields - ((fields >> (bits - 1)) << bits)).reshape(shape)


def pack(values: NDArray[np.int32], config: Config, memory: Memory) -> NDArray[np.uint8]:
    """The low bits of numbers (n, ...) of less than a byte as elements (n, bytes)."""
    bits = config.number_bits(memory)
    shape = (len(values), config.element_bytes(memory), 8 // bits)
    fields = (values.reshape(shape) & ((1 << bits) - 1)).astype(np.uint8)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    packed: NDArray[np.uint8] = np.bitwise_or.reduce(fields << shifts, axis=2).astype(np.uint8)
    return packed


def wrap(values: NDArray[np.int32], bits: int) -> NDArray[np.int32]:
    """Modulo 2^bits, signed."""
    if bits == 32:
        return values
    shift = np.int32(32 - bits)
    return (values << shift) >> shift
