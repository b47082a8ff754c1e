"""ONNX ops that a DPU runs: convolutions, matrix products, poolings."""

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.layers import Axis, Engine, Kernel, Shape, Use, Window
from wlm_dialect.frontends.onnx_file import Node
from wlm_dialect.frontends.onnx_import import Importer
from wlm_dialect.frontends.onnx_kernels import conv_pack, left_pack, matrix_pack, spatial
from wlm_dialect.frontends.onnx_shapes import Dims, image, matrix, product
from wlm_dialect.program.payload import IMAGE, MATRIX


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
    x = Use(tensor.index, source, rows=Axis.WINDOW, channels=channels, window=window, order=IMAGE)
    depth = source.c // groups * taps
    kernel: Kernel | None = None
    if importer.is_constant(node.inputs[1]):
        w = importer.per_channel(f"{name}.w", view.c, depth + 1, conv_pack(node))  # and one bias
        if node.op == "Conv":
            attributes = {**spatial(node, before, after, weights[2:]), "group": groups}
            kernel = Kernel("Conv", attributes, record=importer.network.constants[w.tensor])
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
        kernel=kernel,
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
    kernel: Kernel | None = Kernel("MatMul")
    if any(s.n not in (1, view.n) for s in (left, right)):
        kernel = None  # batches that are broadcast along some of their axes
    name = importer.layer_name(node)
    depth = left.c
    batches = {k: Axis.SAME if s.n == view.n else Axis.ALL for k, s in (("a", left), ("b", right))}
    if importer.is_constant(node.inputs[0]):
        shape = Shape(left.n, 1, left.h, 1)
        pack = left_pack(node, shape)
        x = importer.constant(f"{name}.x", shape, depth, batches=batches["a"], channels=Axis.ALL, pack=pack)
    else:
        x = Use(importer.tensor(node.inputs[0], node).index, left, batches["a"], channels=Axis.ALL, order=MATRIX)
        if node.integer("transA", 0):
            kernel = None
    if importer.is_constant(node.inputs[1]):
        shape = Shape(right.n, right.c, 1, 1)
        pack = matrix_pack(node, shape)
        w = importer.constant(f"{name}.w", shape, depth + 1, batches=batches["b"], rows=Axis.ALL, pack=pack)
        if kernel is not None and right.n == 1:
            kernel.record = importer.network.constants[w.tensor]
    else:
        tensor = importer.tensor(node.inputs[1], node)
        w = Use(tensor.index, right, batches["b"], rows=Axis.ALL, label="w", order=MATRIX)
    if kernel is not None and node.op == "Gemm" and not _is_plain_gemm(importer, node):
        kernel = None
    importer.add_layer(name, node.op, Engine.DPU, (x, w), node.outputs[0], view, macs=depth, kernel=kernel, dims=out)


def _is_plain_gemm(importer: Importer, node: Node) -> bool:
    """What the packed right side can hold: a constant of one bias per column, factors in the weights."""
    has_bias = len(node.inputs) > 2 and bool(node.inputs[2])
    if not importer.is_constant(node.inputs[1]):
        return not has_bias and not node.integer("transB", 0) and float(node.attributes.get("alpha", 1.0)) == 1.0
    return not has_bias or (importer.is_constant(node.inputs[2]) and product(importer.in_dims(node, 2)[:-1]) == 1)


def import_pool(importer: Importer, node: Node) -> None:
    """Poolings, local and global."""
    before, after = importer.in_dims(node), importer.out_dims(node)
    if len(after) not in (3, 4):
        raise FrontendError(f"{importer.place(node)}: {len(after) - 2} spatial dimensions, but 1 or 2 are supported")
    source, view = image(before), image(after)
    tensor = importer.tensor(node.inputs[0], node)
    mode = {"MaxPool": "max", "GlobalMaxPool": "max", "AveragePool": "mean", "GlobalAveragePool": "mean"}.get(node.op)
    if node.op.startswith("Global"):
        use, taps = Use(tensor.index, source, rows=Axis.ALL, order=IMAGE), product(before[2:])
        attributes = spatial(Node("", node.op, (), (), {}), before, after, before[2:])
    else:
        kernel = node.integers("kernel_shape")
        window = _window(importer, node, kernel[0], before, after)
        use, taps = Use(tensor.index, source, rows=Axis.WINDOW, window=window, order=IMAGE), product(kernel)
        attributes = spatial(node, before, after, kernel)
    attributes |= {"mode": mode or "", "padded": node.integer("count_include_pad", 0)}
    work = Kernel("Pool", attributes) if mode and not any(node.outputs[1:]) else None
    name = importer.layer_name(node)
    importer.add_layer(name, node.op, Engine.DPU, (use,), node.outputs[0], view, passes=taps, kernel=work)
