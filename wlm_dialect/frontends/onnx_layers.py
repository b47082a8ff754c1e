"""One handler per family of ONNX ops: node -> layers of the layer IR."""

from dataclasses import replace

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends import onnx_ops as ops
from wlm_dialect.frontends.layers import Axis, Engine, Kernel, Shape, Tensor, Use, Window
from wlm_dialect.frontends.onnx_dense import import_conv, import_gemm, import_matmul, import_pool
from wlm_dialect.frontends.onnx_file import Node
from wlm_dialect.frontends.onnx_import import Importer
from wlm_dialect.frontends.onnx_kernels import (
    absorb,
    broadcast_pack,
    elementwise,
    identity_pack,
    moved,
    reduced,
    scale_pack,
)
from wlm_dialect.frontends.onnx_shapes import Dims, axis_letters, image, is_image, matrix, order_of
from wlm_dialect.program.payload import IMAGE, MATRIX
from wlm_dialect.program.regions import same_order

_DENSE = {
    "Conv": import_conv,
    "ConvTranspose": import_conv,
    "Gemm": import_gemm,
    "MatMul": import_matmul,
    "MaxPool": import_pool,
    "AveragePool": import_pool,
    "LpPool": import_pool,
    "GlobalAveragePool": import_pool,
    "GlobalMaxPool": import_pool,
}


def supported_ops() -> tuple[str, ...]:
    """Every ONNX op type that is imported, sorted."""
    names = {*_DENSE, *ops.FREE, *ops.RESHAPES, *ops.FUSED, *ops.ELTWISE, *ops.MOVES, *ops.SHAVE_ELEMENTWISE}
    names |= {*ops.SHAVE_NORMALIZE, *ops.SHAVE_IMAGE, *ops.SHAVE_REDUCE}
    return tuple(sorted(names | {"Concat", "Constant", "ConstantOfShape", "Resize", "Shape", "Size", "Upsample"}))


def import_node(importer: Importer, node: Node, *, unknown_ops: str) -> None:
    """Add what `node` needs to the network. `unknown_ops`: "error", or "shave" to run them element by element."""
    op = node.op
    if op in _DENSE:
        _DENSE[op](importer, node)
    elif op in ops.FREE:
        importer.free(node)
    elif op in ops.RESHAPES:
        _reshape(importer, node)
    elif op in ops.FUSED:
        _fused(importer, node)
    elif op in ops.ELTWISE:
        _eltwise(importer, node)
    elif op == "Concat":
        _concat(importer, node)
    elif op in ops.MOVES:
        _move(importer, node)
    elif op in ("Resize", "Upsample"):
        _resize(importer, node)
    elif op in ops.SHAVE_IMAGE:
        _image_shave(importer, node)
    elif op in ops.SHAVE_NORMALIZE:
        _normalize(importer, node)
    elif op in ops.SHAVE_REDUCE:
        _reduce(importer, node)
    elif op in ops.SHAVE_ELEMENTWISE:
        _broadcast_layer(importer, node, Engine.SHAVE, ops.SHAVE_ELEMENTWISE[op])
    elif unknown_ops == "shave":
        _unknown(importer, node)
    else:
        raise FrontendError(
            f"{importer.place(node)}: op type '{op}' is not supported; supported: {', '.join(supported_ops())}; "
            "or run such ops on the SHAVEs with unknown_ops = shave"
        )


def _reshape(importer: Importer, node: Node) -> None:
    importer.alias(node.outputs[0], importer.tensor(node.inputs[0], node), importer.out_dims(node))


def _fused(importer: Importer, node: Node) -> None:
    source = node.inputs[0]
    if importer.fuse(node, source):
        return
    tensor = importer.tensor(source, node)
    dims = importer.out_dims(node)
    view = importer.interpret(dims, tensor.shape)
    name = importer.layer_name(node)
    inputs = [Use(tensor.index, view, order=order_of(dims, view))]
    kernel = Kernel("Identity")
    if node.op in ("BatchNormalization", "PRelu"):
        inputs.append(importer.per_channel(f"{name}.w", view.c, 2, identity_pack(view.c)))
        kernel = Kernel("Affine", record=importer.network.constants[inputs[1].tensor])
    importer.add_layer(name, node.op, Engine.DPU, tuple(inputs), node.outputs[0], view, kernel=kernel)
    layer = importer.network.layers[-1]
    if node.op == "BatchNormalization" and axis_letters(dims, view)[1:2] != "c":
        layer.kernel = None
    absorb(layer, node, source, importer.network.packs)


def _eltwise(importer: Importer, node: Node) -> None:
    live = [i for i in node.inputs if not importer.is_constant(i)]
    if len(live) == 1:
        dims = importer.out_dims(node)
        source = importer.tensor(live[0], node)
        view = importer.interpret(dims, source.shape)
        small = all(_is_per_channel(importer.graph.shapes.get(i, ()), dims, view) for i in node.inputs if i != live[0])
        if small and importer.in_dims(node, node.inputs.index(live[0])) == dims and importer.fuse(node, live[0]):
            return
    _broadcast_layer(importer, node, Engine.DPU, max(1, len(node.inputs) - 1))


def _is_per_channel(dims: Dims, out: Dims, view: Shape) -> bool:
    """A constant of one value, or of one per channel."""
    letters = axis_letters(out, view)[len(out) - len(dims) :]
    return len(dims) <= len(out) and all(d == 1 or k == "c" for d, k in zip(dims, letters, strict=True))


def _operand(importer: Importer, node: Node, name: str, label: str, out: Dims, view: Shape, k: int) -> Use | str:
    """An operand broadcast to the output. A constant scalar travels with the task: its key."""
    dims = importer.dims(name, importer.place(node))
    padded = (1,) * (len(out) - len(dims)) + dims
    shape = image(padded) if is_image(out, view) else matrix(padded)
    axes = [Axis.SAME if a == b else Axis.ALL for a, b in zip(shape, view, strict=True)]
    batches, channels, rows, _ = axes
    order = order_of(padded, shape)
    if importer.is_constant(name):
        pack = broadcast_pack(name, shape, order)
        if shape.elements == 1:
            return importer.carried(f"{label}.w{k}", pack)
        return importer.constant(f"{label}.w{k}", shape, 1, batches, rows, channels, pack=pack)
    label = f"x{k}" if k else "x"
    return Use(importer.tensor(name, node).index, shape, batches, rows, channels, label=label, order=order)


def _broadcast_layer(importer: Importer, node: Node, engine: Engine, passes: int) -> None:
    """Element by element on operands that are broadcast to the output."""
    out = importer.out_dims(node)
    live = [i for i in node.inputs if i and not importer.is_constant(i)]
    like = next((importer.tensor(i, node).shape for i in live if importer.dims(i, importer.place(node)) == out), None)
    view = importer.interpret(out, like)
    name = importer.layer_name(node)
    uses = [_operand(importer, node, i, name, out, view, k) for k, i in enumerate(node.inputs) if i]
    inputs = tuple(u for u in uses if isinstance(u, Use))
    args = [u if isinstance(u, str) else inputs.index(u) for u in uses]
    whole = all(k in (1, o) for u in inputs for k, o in zip(u.view, view, strict=True))
    kernel = elementwise(node, args) if whole else None  # else broadcast along some of the axes that are one here
    importer.add_layer(name, node.op, engine, inputs, node.outputs[0], view, passes=passes, kernel=kernel)


def _concat(importer: Importer, node: Node) -> None:
    out = importer.out_dims(node)
    live = [i for i in node.inputs if not importer.is_constant(i)]
    like = importer.tensor(live[0], node).shape
    guess = importer.interpret(importer.dims(live[0], importer.place(node)), like)
    view = image(out) if len(out) == 4 and guess == image(importer.dims(live[0], "")) else matrix(out)
    axis = node.integer("axis", 1) % len(out)
    if axis_letters(out, view)[axis] != "c":
        _concat_by_dma(importer, node, view)
        return
    parent = importer.new_tensor(node.outputs[0], view, order=order_of(out, view))
    channel = 0
    for k, name in enumerate(node.inputs):
        dims = importer.dims(name, importer.place(node))
        shape = image(dims) if is_image(out, view) else matrix(dims)
        part = None if importer.is_constant(name) else importer.tensor(name, node)
        fits = part is not None and part.shape == shape and same_order(shape, part.order, parent.order)
        if part is None or not fits or part.parent >= 0 or part.role != "scratch":
            part = _copy(importer, node, name, k, shape, dims)
        part.parent, part.channel = parent.index, channel
        channel += shape.c
    importer.bind(node.outputs[0], parent)


def _copy(importer: Importer, node: Node, name: str, k: int, shape: Shape, dims: Dims) -> Tensor:
    """A part of a concatenation that cannot be made in place."""
    layer = importer.layer_name(node)
    order = order_of(dims, shape)
    if importer.is_constant(name):
        use = importer.constant(f"{layer}.w", shape, 1, pack=broadcast_pack(name, shape, order))
    else:
        use = Use(importer.tensor(name, node).index, shape, order=order)
    kernel = Kernel("Identity")
    part = f"{node.outputs[0]}.part{k}"
    return importer.add_layer(layer, node.op, Engine.DMA, (use,), part, shape, kernel=kernel, dims=dims)


def _concat_by_dma(importer: Importer, node: Node, view: Shape) -> None:
    name = importer.layer_name(node)
    uses = []
    for k, i in enumerate(node.inputs):
        dims = importer.dims(i, importer.place(node))
        uses.append(_all_of(importer, node, i, dims, f"{name}.w{k}"))
    kernel = moved(importer.graph, node, name, node.inputs, importer.network.packs)
    importer.add_layer(name, node.op, Engine.DMA, tuple(uses), node.outputs[0], view, kernel=kernel)


def _all_of(importer: Importer, node: Node, name: str, dims: Dims, label: str) -> Use:
    """An operand that is read as a whole."""
    if importer.is_constant(name):
        shape = matrix(dims)
        pack = broadcast_pack(name, shape, MATRIX)
        use = importer.constant(label, shape, 1, Axis.ALL, Axis.ALL, Axis.ALL, pack=pack)
        return replace(use, order=MATRIX)
    tensor = importer.tensor(name, node)
    view = importer.interpret(dims, tensor.shape)
    return Use(tensor.index, view, Axis.ALL, Axis.ALL, Axis.ALL, order=order_of(dims, view))


def _move(importer: Importer, node: Node) -> None:
    name = importer.layer_name(node)
    sources = [i for i in node.inputs if i and not importer.is_constant(i)]
    if importer.is_constant(node.inputs[0]):  # an embedding: rows of a table, picked by values
        sources.insert(0, node.inputs[0])
    if node.op == "Transpose" and _keeps_order(importer, node):
        _reshape(importer, node)
        return
    for k, output in enumerate(node.outputs):
        if not output or not importer.consumers[output]:
            continue
        dims = importer.out_dims(node, k)
        uses = tuple(_all_of(importer, node, i, importer.dims(i, importer.place(node)), f"{name}.w") for i in sources)
        like = importer.network.tensors[uses[0].tensor].shape
        view = importer.interpret(dims, like)
        part = name if len(node.outputs) == 1 else importer.unique(f"{name}.{k}")
        kernel = moved(importer.graph, node, part, sources, importer.network.packs, k)
        importer.add_layer(part, node.op, Engine.DMA, uses, output, view, kernel=kernel)


def _keeps_order(importer: Importer, node: Node) -> bool:
    """A transposition that only moves axes of extent 1."""
    dims = importer.in_dims(node)
    order = node.integers("perm", range(len(dims))[::-1])
    real = [p for p in order if dims[p] > 1]
    return real == sorted(real)


def _resize(importer: Importer, node: Node) -> None:
    before, after = importer.in_dims(node), importer.out_dims(node)
    view, source = image(after), image(before)
    up, rest = divmod(view.h, source.h)
    rows = Axis.WINDOW if rest == 0 and up > 0 else Axis.ALL
    window = Window(kernel=2 * up + 1, pad=up, up=max(up, 1))  # the row itself and its two neighbours
    channels = Axis.SAME if source.c == view.c else Axis.ALL
    use = Use(importer.tensor(node.inputs[0], node).index, source, rows=rows, channels=channels, window=window)
    name = importer.layer_name(node)
    importer.add_layer(name, node.op, Engine.SHAVE, (use,), node.outputs[0], view, passes=ops.RESIZE_COST)


def _image_shave(importer: Importer, node: Node) -> None:
    view = image(importer.out_dims(node))
    name = importer.layer_name(node)
    tensor = importer.tensor(node.inputs[0], node)
    inputs: tuple[Use, ...]
    kernel = None
    if node.op == "LRN":
        inputs, split = (Use(tensor.index, view, channels=Axis.ALL, order=IMAGE),), "hn"
        kernel = elementwise(node, ())
    else:
        weights = importer.per_channel(f"{name}.w", view.c, 2)
        inputs, split = (Use(tensor.index, view, rows=Axis.ALL), weights), "cn"
        if node.op == "GroupNormalization":
            inputs, split = (Use(tensor.index, view, rows=Axis.ALL, channels=Axis.ALL), weights), "n"
    cost = ops.SHAVE_IMAGE[node.op]
    importer.add_layer(
        name, node.op, Engine.SHAVE, inputs, node.outputs[0], view, passes=cost, split=split, kernel=kernel
    )


def _normalize(importer: Importer, node: Node) -> None:
    out = importer.out_dims(node)
    tensor = importer.tensor(node.inputs[0], node)
    view = importer.interpret(out, tensor.shape)
    softmax = node.op in ("Softmax", "LogSoftmax")
    axis = node.integer("axis", -1 if not softmax or importer.graph.opset >= 13 else 1) % len(out)
    alone = (softmax and importer.graph.opset >= 13) or node.op == "LpNormalization"
    letters = set(axis_letters(out, view)[axis : axis + 1 if alone else len(out)])
    name = importer.layer_name(node)
    inputs = [_reduced(tensor, view, letters, order_of(out, view))]
    weights = sum(1 for i in node.inputs[1:] if i and importer.is_constant(i))
    if weights:
        inputs.append(importer.per_channel(f"{name}.w", view.c, weights, scale_pack(node, view.c, weights)))
    kernel = reduced(node, out, view, range(axis, axis + 1 if alone else len(out)))
    if weights and letters != {"c"}:
        kernel = None
    split = "".join(k for k in "hcn" if k not in letters)
    cost = ops.SHAVE_NORMALIZE[node.op]
    importer.add_layer(
        name, node.op, Engine.SHAVE, tuple(inputs), node.outputs[0], view, passes=cost, split=split, kernel=kernel
    )


def _reduced(tensor: Tensor, view: Shape, letters: set[str], order: str) -> Use:
    """The input of an op that needs whole axes (`letters`) of it."""
    return Use(
        tensor.index,
        view,
        batches=Axis.ALL if "n" in letters else Axis.SAME,
        rows=Axis.ALL if "h" in letters else Axis.SAME,
        channels=Axis.ALL if "c" in letters else Axis.SAME,
        order=order,
    )


def _reduce(importer: Importer, node: Node) -> None:
    dims = importer.in_dims(node)
    axes = node.integers("axes") or list(importer.graph.values.get("".join(node.inputs[1:2]), ()))
    if node.op.startswith("Arg"):
        axes = [node.integer("axis", 0)]
    axes = [a % len(dims) for a in axes] or list(range(len(dims)))
    tensor = importer.tensor(node.inputs[0], node)
    source = importer.interpret(dims, tensor.shape)
    letters = {axis_letters(dims, source)[a] for a in axes}
    kept = tuple(1 if k in axes else d for k, d in enumerate(dims))
    view = image(kept) if is_image(dims, source) else matrix(kept)
    pooling = node.op == "ReduceMean" and is_image(dims, source) and letters <= {"h", "w"}
    per_output = max(1, source.elements // view.elements)
    importer.add_layer(
        importer.layer_name(node),
        node.op,
        Engine.DPU if pooling else Engine.SHAVE,
        (_reduced(tensor, source, letters, order_of(dims, source)),),
        node.outputs[0],
        view,
        passes=per_output,
        split="".join(k for k in "hcn" if k not in letters),
        kernel=reduced(node, dims, source, axes),
        dims=kept,
    )


def _unknown(importer: Importer, node: Node) -> None:
    """An op nobody knows: SHAVE, everything it reads as a whole, one output at a time."""
    name = importer.layer_name(node)
    for k, output in enumerate(node.outputs):
        if not output:
            continue
        live = [i for i in node.inputs if i]
        uses = tuple(
            _all_of(importer, node, i, importer.dims(i, importer.place(node)), f"{name}.w{n}")
            for n, i in enumerate(live)
        )
        part = name if len(node.outputs) == 1 else importer.unique(f"{name}.{k}")
        view = importer.interpret(importer.out_dims(node, k), None)
        importer.add_layer(part, node.op, Engine.SHAVE, uses, output, view, passes=ops.UNKNOWN_COST, split="")
