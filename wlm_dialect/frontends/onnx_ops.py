"""What each ONNX op becomes, as tables. docs/frontends.md is the same for readers."""

FREE = ("Identity", "Dropout", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear")
"""No work: the value is its first input."""

RESHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
"""No work: the same bytes under another shape."""

FUSED = ("Relu", "LeakyRelu", "PRelu", "Clip", "BatchNormalization")
"""Folded into the DPU layer before, else a DPU layer of their own."""

ELTWISE = ("Add", "Mul", "Sub", "Div", "Sum", "Max", "Min", "Mean")
"""DPU on two or more values; with a constant of one value per channel, folded like `FUSED`."""

MOVES = (
    "Transpose",
    "Slice",
    "Split",
    "Pad",
    "Gather",
    "Expand",
    "Tile",
    "DepthToSpace",
    "SpaceToDepth",
    "GatherElements",
    "ScatterND",
)
"""DMA, from DDR to DDR."""

SHAVE_ELEMENTWISE = {
    "Abs": 1,
    "Neg": 1,
    "Not": 1,
    "Floor": 1,
    "Ceil": 1,
    "Round": 1,
    "Sign": 1,
    "And": 1,
    "Or": 1,
    "Xor": 1,
    "Equal": 1,
    "Greater": 1,
    "GreaterOrEqual": 1,
    "Less": 1,
    "LessOrEqual": 1,
    "Where": 1,
    "IsNaN": 1,
    "Mod": 4,
    "Reciprocal": 2,
    "Sqrt": 3,
    "Exp": 4,
    "Log": 4,
    "Pow": 6,
    "Sin": 5,
    "Cos": 5,
    "Erf": 6,
    "Sigmoid": 4,
    "Tanh": 5,
    "Softplus": 6,
    "Softsign": 3,
    "Elu": 4,
    "Celu": 4,
    "Selu": 4,
    "ThresholdedRelu": 1,
    "HardSigmoid": 2,
    "HardSwish": 3,
    "Swish": 5,
    "Mish": 8,
    "Gelu": 8,
}
"""SHAVE, element by element; passes per element (assumptions, as are all costs here)."""

SHAVE_NORMALIZE = {
    "Softmax": 6,
    "LogSoftmax": 7,
    "LayerNormalization": 6,
    "RMSNormalization": 5,
    "SimplifiedLayerNormalization": 5,
    "LpNormalization": 4,
}
"""SHAVE, along the axes from `axis` on (softmax from opset 13 on: along `axis` alone)."""

SHAVE_IMAGE = {"LRN": 12, "InstanceNormalization": 6, "GroupNormalization": 6, "MeanVarianceNormalization": 6}
"""SHAVE on images: LRN across channels, the others across rows."""

SHAVE_REDUCE = (
    "ReduceMean",
    "ReduceSum",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSumExp",
    "ArgMax",
    "ArgMin",
)
"""SHAVE, reduced axes whole; ReduceMean over the rows and columns of an image is a DPU pooling."""

SAME_SHAPE = (*FUSED, *SHAVE_NORMALIZE, *SHAVE_IMAGE)
"""The first output has the shape of the first input."""

RESIZE_COST = 4
"""SHAVE passes per element of Resize and Upsample."""

UNKNOWN_COST = 8
"""SHAVE passes per element of an op that is not known."""
