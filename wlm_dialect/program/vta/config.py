"""`Config`: the sizes of one VTA, as `vta_config.json` gives them. Every number there is a log2."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cached_property
from typing import Any

from wlm_dialect.errors import ProgramError, did_you_mean


class Memory(IntEnum):
    """The memories an instruction can name. ACC_8BIT is ACC, loaded from int8 in DRAM; OUT is what STORE reads."""

    UOP = 0
    WGT = 1
    INP = 2
    ACC = 3
    OUT = 4
    ACC_8BIT = 5


UOP_BITS_LOG2 = 5  # a micro-op is one 32-bit word in every configuration
_TEXT_KEYS = ("TARGET", "HW_VER")
_IGNORED = ("LOG_OUT_WIDTH", "LOG_OUT_BUFF_SIZE", "LOG_UOP_WIDTH", "LOG_INS_WIDTH", "LOG_BUS_WIDTH")


@dataclass(frozen=True)
class Config:
    """All widths. `log_*_width`: bits of one number; `log_*_buff_size`: bytes of a scratchpad.

    An *element* is one hardware tile of a memory and the unit of every address, size and stride in an instruction.
    `log_block_in` and `log_block_out` are equal unless the JSON says otherwise (LOG_BLOCK is both).
    Raises ProgramError where a size cannot exist: a number outside 0..40, a scratchpad smaller than one element,
    numbers wider than 32 bits, micro-ops or instructions that do not fit their word (checked by `layout`).
    """

    log_inp_width: int = 3
    log_wgt_width: int = 3
    log_acc_width: int = 5
    log_batch: int = 0
    log_block_in: int = 4
    log_block_out: int = 4
    log_uop_buff_size: int = 15
    log_inp_buff_size: int = 15
    log_wgt_buff_size: int = 18
    log_acc_buff_size: int = 17
    target: str = "sim"
    hw_ver: str = "0.0.2"

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name.startswith("log_") and (type(value) is not int or not 0 <= value <= 40):
                raise ProgramError(f"{f.name.upper()} is {value!r} but is a log2, a whole number from 0 to 40")
        for name in ("inp", "wgt", "acc"):
            if getattr(self, f"log_{name}_width") > UOP_BITS_LOG2:
                bits = 1 << getattr(self, f"log_{name}_width")
                raise ProgramError(f"LOG_{name.upper()}_WIDTH asks for {bits}-bit numbers but VTA has at most 32 bits")
        for memory in (Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC):
            if self.log_depth(memory) < 0:
                raise ProgramError(
                    f"LOG_{memory.name}_BUFF_SIZE makes {memory.name} smaller than one element of "
                    f"{self.element_bits(memory)} bits"
                )
            if self.element_bits(memory) < 8:
                raise ProgramError(
                    f"an element of {memory.name} has {self.element_bits(memory)} bits: less than a byte"
                )

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Config":
        """From the object in `vta_config.json`; keys that are absent have their default."""
        numbers: dict[str, Any] = {}
        for key, value in values.items():
            name = key.lower()
            if key == "LOG_BLOCK":
                numbers.setdefault("log_block_in", value)
                numbers.setdefault("log_block_out", value)
            elif key in _TEXT_KEYS:
                numbers[name] = str(value)
            elif name in _FIELDS:
                numbers[name] = value
            elif key.startswith("LOG_") and key not in _IGNORED:
                raise ProgramError(f"unknown key '{key}' in the configuration{did_you_mean(key, _KEYS)}")
        return Config(**numbers)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads; LOG_BLOCK where both blocks are equal."""
        out: dict[str, Any] = {"TARGET": self.target, "HW_VER": self.hw_ver}
        for f in fields(self):
            if f.name.startswith("log_"):
                out[f.name.upper()] = getattr(self, f.name)
                if f.name == "log_block_in" and self.log_block_in == self.log_block_out:
                    out["LOG_BLOCK"] = out.pop("LOG_BLOCK_IN")
        if "LOG_BLOCK" in out:
            del out["LOG_BLOCK_OUT"]
        return out

    @property
    def batch(self) -> int:
        """Rows of an activation element."""
        return 1 << self.log_batch

    @property
    def block_in(self) -> int:
        """Input channels of an element."""
        return 1 << self.log_block_in

    @property
    def block_out(self) -> int:
        """Output channels of an element."""
        return 1 << self.log_block_out

    def shape(self, memory: Memory) -> tuple[int, int]:
        """Rows and columns of an element: batch x channels; WGT is output x input channel. A micro-op is 1 x 1."""
        match memory:
            case Memory.UOP:
                return 1, 1
            case Memory.WGT:
                return self.block_out, self.block_in
            case Memory.INP:
                return self.batch, self.block_in
            case _:
                return self.batch, self.block_out

    def number_bits(self, memory: Memory) -> int:
        """Bits of one number of an element, as it is in DRAM. OUT has the width of INP, and so has ACC_8BIT: 8."""
        match memory:
            case Memory.UOP:
                return 1 << UOP_BITS_LOG2
            case Memory.WGT:
                return 1 << self.log_wgt_width
            case Memory.ACC:
                return 1 << self.log_acc_width
            case Memory.ACC_8BIT:
                return 8
            case _:
                return 1 << self.log_inp_width

    def element_bits(self, memory: Memory) -> int:
        """Bits of an element in DRAM."""
        rows, columns = self.shape(memory)
        return rows * columns * self.number_bits(memory)

    def element_bytes(self, memory: Memory) -> int:
        """Bytes of an element in DRAM: a DRAM byte address is `dram * element_bytes`."""
        return self.element_bits(memory) // 8

    @cached_property
    def _log_depths(self) -> tuple[int, ...]:
        bits = [self.element_bits(m).bit_length() - 1 for m in (Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC)]
        sizes = (self.log_uop_buff_size, self.log_wgt_buff_size, self.log_inp_buff_size, self.log_acc_buff_size)
        uop, wgt, inp, acc = (size + 3 - b for size, b in zip(sizes, bits, strict=True))
        return uop, wgt, inp, acc, acc, acc

    def log_depth(self, memory: Memory) -> int:
        """log2 of the number of elements of a scratchpad; OUT and ACC_8BIT are as deep as ACC."""
        return self._log_depths[memory]

    def depth(self, memory: Memory) -> int:
        """Elements of a scratchpad."""
        return 1 << self.log_depth(memory)


_FIELDS = {f.name for f in fields(Config)}
_KEYS = sorted({f.name.upper() for f in fields(Config)} | {"LOG_BLOCK"})
