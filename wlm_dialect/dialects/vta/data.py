"""What a program brings and what it leaves: segments and outputs in DRAM."""

from xdsl.dialects.builtin import I64, DenseIntOrFPElementsAttr, IntegerAttr, StringAttr, i64
from xdsl.irdl import IRDLOperation, irdl_op_definition, opt_prop_def, prop_def, traits_def
from xdsl.traits import HasParent

from wlm_dialect.dialects.vta.program import ProgramOp


@irdl_op_definition
class SegmentOp(IRDLOperation):
    """Bytes in DRAM before the first launch, from byte address `address`.

    Example:
    ```mlir
    vta.program @data {
      vta.segment "UOP" at 4096 element 4 dense<[0, 0, 0, 0]> : tensor<4xi8>
    }
    ```
    """

    name = "vta.segment"
    segment = prop_def(StringAttr)
    address = prop_def(IntegerAttr[I64])
    element = prop_def(IntegerAttr[I64])
    data = prop_def(DenseIntOrFPElementsAttr)
    traits = traits_def(HasParent(ProgramOp))

    def __init__(self, segment: str, address: int, element: int, data: DenseIntOrFPElementsAttr) -> None:
        numbers = {"address": IntegerAttr(address, i64), "element": IntegerAttr(element, i64)}
        super().__init__(properties={"segment": StringAttr(segment), **numbers, "data": data})

    assembly_format = "$segment `at` $address `element` $element $data attr-dict"


@irdl_op_definition
class OutputOp(IRDLOperation):
    """A region of DRAM that the program produces, and the bytes expected there after the last launch, if known.

    Example:
    ```mlir
    vta.program @result {
      vta.output at 8192 size 4 element 16 expected dense<[1, 2, 3, 4]> : tensor<4xi8>
      vta.output at 12288 size 64 element 16
    }
    ```
    """

    name = "vta.output"
    address = prop_def(IntegerAttr[I64])
    size = prop_def(IntegerAttr[I64])
    element = prop_def(IntegerAttr[I64])
    expected = opt_prop_def(DenseIntOrFPElementsAttr)
    traits = traits_def(HasParent(ProgramOp))

    def __init__(self, address: int, size: int, element: int, expected: DenseIntOrFPElementsAttr | None) -> None:
        numbers = {"address": address, "size": size, "element": element}
        super().__init__(properties={**{k: IntegerAttr(v, i64) for k, v in numbers.items()}, "expected": expected})

    assembly_format = "`at` $address `size` $size `element` $element (`expected` $expected^)? attr-dict"
