"""ONNX ops that a DPU runs: convolutions, matrix products, poolings."""

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.layers import Axis, Engine, Shape, Use, Window
from wlm_dialect.frontends.onnx_file import Node
from wlm_dialect.frontends.onnx_import import Dims, Importer, image, matrix, product


def _window(importer: Importer, node: Node, kernel: int, before: Dims, after: Dims) -> Window:
    """The sliding window along the rows (the first spatial axis)."""
    axes = len(before) - 2
    stride = (node.integers("strides") or [1] * axes)[0]
    dilation = (node.integers("dilations") or [1] * axes)[0]
    pad = (node.integers("pads") or [0] * 2 * axes)[0]
    auto = node.attributes.get("auto_pad", b"NOTSET").decode()
    transposed = node.op == "ConvTranspose"
    if auto.startswith("SAME"):
        if transposed:
            total = max(stride * (before[2] - 1) + (kernel - 1) * dilation + 1 - after[2], 0)
        else:
            total = max((after[2] - 1) * stride + (kernel - 1) * dilation + 1 - before[2], 0)
        pad = total // 2 if auto == "SAME_UPPER" else -(-total // 2)
    if transposed:
        return Window(kernel, 1, dilation, (kernel - 1) * dilation - pad, up=stride)
    return Window(kernel, stride, dilation, pad)


def import_conv(importer: Importer, node: Node) -> None:
    """Conv and ConvTranspose: all channels of the input, depthwise ones only their own."""
    before, after, weights = importer.in_dims(node), importer.out_dims(node), importer.in_dims(node, 1)
    if len(after) not in (3, 4):
        raise FrontendError(f"{importer.place(node)}: {len(after) - 2} spatial dimensions, but 1 or 2 are supported")
    groups = node.integer("group", 1)
    source, view = image(before), image(after)
    window = _window(importer, node, weights[2], before, after)
    taps = product(weights[2:])
    depthwise = groups == source.c == view.c and groups > 1
    channels = Axis.SAME if depthwise else Axis.ALL
    name = importer.layer_name(node)
    tensor = importer.tensor(node.inputs[0], node)
    x = Use(tensor.index, source, rows=Axis.WINDOW, channels=channels, window=window)
    depth = source.c // groups * taps
    if importer.is_constant(node.inputs[1]):
        w = importer.per_channel(f"{name}.w", view.c, depth + 1)  # and one bias
    else:
        w = Use(importer.tensor(node.inputs[1], node).index, image(weights), Axis.ALL, Axis.ALL, Axis.ALL, label="w")
    macs = -(-depth // window.up**2)
    importer.add_layer(
        name,
        node.op,
        Engine.DPU,
        (x, w),
        node.outputs[0],
        view,
        macs=0 if depthwise else macs,
        passes=taps if depthwise else 1,
    )


def import_gemm(importer: Importer, node: Node) -> None:
    """Gemm with one or two matrices that are not constant."""
    m, columns = importer.out_dims(node)
    a = importer.in_dims(node)
    depth = a[0] if node.integer("transA", 0) else a[1]
    _product(importer, node, (m, depth), (depth, columns), (m, columns))


def import_matmul(importer: Importer, node: Node) -> None:
    """MatMul; batches are kept, a vector counts as one row or one column."""
    a, b, out = importer.in_dims(node), importer.in_dims(node, 1), importer.out_dims(node)
    if len(a) == 1:
        a, out = (1, *a), (*out[:-1], 1, *out[-1:])
    if len(b) == 1:
        b, out = (*b, 1), (*out, 1)
    _product(importer, node, a, b, out)


def _product(importer: Importer, node: Node, a: Dims, b: Dims, out: Dims) -> None:
    """out[n, rows, columns] = a[n, rows, depth] x b[n, depth, columns]."""
    view, left, right = matrix(out), matrix(a), matrix(b)
    name = importer.layer_name(node)
    depth = left.c
    batches = {k: Axis.SAME if s.n == view.n else Axis.ALL for k, s in (("a", left), ("b", right))}
    if importer.is_constant(node.inputs[0]):
        shape = Shape(left.n, 1, left.h, 1)
        x = importer.constant(f"{name}.x", shape, depth, batches=batches["a"], channels=Axis.ALL)
    else:
        x = Use(importer.tensor(node.inputs[0], node).index, left, batches["a"], channels=Axis.ALL)
    if importer.is_constant(node.inputs[1]):
        shape = Shape(right.n, right.c, 1, 1)
        w = importer.constant(f"{name}.w", shape, depth + 1, batches=batches["b"], rows=Axis.ALL)
    else:
        w = Use(importer.tensor(node.inputs[1], node).index, right, batches["b"], rows=Axis.ALL, label="w")
    importer.add_layer(name, node.op, Engine.DPU, (x, w), node.outputs[0], view, macs=depth)


def import_pool(importer: Importer, node: Node) -> None:
    """Poolings, local and global."""
    before, after = importer.in_dims(node), importer.out_dims(node)
    if len(after) not in (3, 4):
        raise FrontendError(f"{importer.place(node)}: {len(after) - 2} spatial dimensions, but 1 or 2 are supported")
    source, view = image(before), image(after)
    tensor = importer.tensor(node.inputs[0], node)
    if node.op.startswith("Global"):
        use, taps = Use(tensor.index, source, rows=Axis.ALL), product(before[2:])
    else:
        kernel = node.integers("kernel_shape")
        window = _window(importer, node, kernel[0], before, after)
        use, taps = Use(tensor.index, source, rows=Axis.WINDOW, window=window), product(kernel)
    importer.add_layer(importer.layer_name(node), node.op, Engine.DPU, (use,), node.outputs[0], view, passes=taps)
