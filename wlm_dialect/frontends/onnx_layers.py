"""One handler per family of ONNX ops: node -> layers of the layer IR."""

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends import onnx_ops as ops
from wlm_dialect.frontends.layers import Axis, Engine, Shape, Tensor, Use, Window
from wlm_dialect.frontends.onnx_dense import import_conv, import_gemm, import_matmul, import_pool
from wlm_dialect.frontends.onnx_file import Node
from wlm_dialect.frontends.onnx_import import Dims, Importer, axis_letters, image, is_image, matrix

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
        importer.bind(node.outputs[0], importer.tensor(node.inputs[0], node))
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
    source = importer.tensor(node.inputs[0], node)
    dims = importer.out_dims(node)
    shape = importer.interpret(dims, source.shape)
    if shape == source.shape:
        importer.bind(node.outputs[0], source)
        return
    alias = importer.new_tensor(node.outputs[0], shape, source.role)
    alias.parent, alias.channel = source.index, -1
    importer.bind(node.outputs[0], alias)


def _fused(importer: Importer, node: Node) -> None:
    source = node.inputs[0]
    if importer.fuse(node, source):
        return
    tensor = importer.tensor(source, node)
    view = importer.interpret(importer.out_dims(node), tensor.shape)
    name = importer.layer_name(node)
    inputs = [Use(tensor.index, view)]
    if node.op in ("BatchNormalization", "PRelu"):
        inputs.append(importer.per_channel(f"{name}.w", view.c, 2))
    importer.add_layer(name, node.op, Engine.DPU, tuple(inputs), node.outputs[0], view)


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


def _operand(importer: Importer, node: Node, name: str, label: str, out: Dims, view: Shape, k: int) -> Use | None:
    """An operand broadcast to the output. A constant scalar needs none."""
    dims = importer.dims(name, importer.place(node))
    padded = (1,) * (len(out) - len(dims)) + dims
    shape = image(padded) if is_image(out, view) else matrix(padded)
    axes = [Axis.SAME if a == b else Axis.ALL for a, b in zip(shape, view, strict=True)]
    batches, channels, rows, _ = axes
    if importer.is_constant(name):
        if shape.elements == 1:
            return None
        return importer.constant(f"{label}.w{k}", shape, 1, batches, rows, channels)
    label = f"x{k}" if k else "x"
    return Use(importer.tensor(name, node).index, shape, batches, rows, channels, label=label)


def _broadcast_layer(importer: Importer, node: Node, engine: Engine, passes: int) -> None:
    """Element by element on operands that are broadcast to the output."""
    out = importer.out_dims(node)
    live = [i for i in node.inputs if i and not importer.is_constant(i)]
    like = next((importer.tensor(i, node).shape for i in live if importer.dims(i, importer.place(node)) == out), None)
    view = importer.interpret(out, like)
    name = importer.layer_name(node)
    uses = [_operand(importer, node, i, name, out, view, k) for k, i in enumerate(node.inputs) if i]
    inputs = tuple(u for u in uses if u is not None)
    importer.add_layer(name, node.op, engine, inputs, node.outputs[0], view, passes=passes)


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
    parent = importer.new_tensor(node.outputs[0], view)
    channel = 0
    for k, name in enumerate(node.inputs):
        dims = importer.dims(name, importer.place(node))
        shape = image(dims) if is_image(out, view) else matrix(dims)
        part = None if importer.is_constant(name) else importer.tensor(name, node)
        if part is None or part.parent >= 0 or part.role != "scratch" or part.shape != shape:
            part = _copy(importer, node, name, k, shape)
        part.parent, part.channel = parent.index, channel
        channel += shape.c
    importer.bind(node.outputs[0], parent)


def _copy(importer: Importer, node: Node, name: str, k: int, shape: Shape) -> Tensor:
    """A part of a concatenation that cannot be made in place."""
    layer = importer.layer_name(node)
    if importer.is_constant(name):
        use = importer.constant(f"{layer}.w", shape, 1)
    else:
        use = Use(importer.tensor(name, node).index, shape)
    return importer.add_layer(layer, node.op, Engine.DMA, (use,), f"{node.outputs[0]}.part{k}", shape)


def _concat_by_dma(importer: Importer, node: Node, view: Shape) -> None:
    name = importer.layer_name(node)
    uses = []
    for k, i in enumerate(node.inputs):
        dims = importer.dims(i, importer.place(node))
        uses.append(_all_of(importer, node, i, dims, f"{name}.w{k}"))
    importer.add_layer(name, node.op, Engine.DMA, tuple(uses), node.outputs[0], view)


def _all_of(importer: Importer, node: Node, name: str, dims: Dims, label: str) -> Use:
    """An operand that is read as a whole."""
    if importer.is_constant(name):
        return importer.constant(label, matrix(dims), 1, Axis.ALL, Axis.ALL, Axis.ALL)
    tensor = importer.tensor(name, node)
    return Use(tensor.index, importer.interpret(dims, tensor.shape), Axis.ALL, Axis.ALL, Axis.ALL)


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
        importer.add_layer(part, node.op, Engine.DMA, uses, output, view)


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
    if node.op == "LRN":
        inputs, split = (Use(tensor.index, view, channels=Axis.ALL),), "hn"
    else:
        weights = importer.per_channel(f"{name}.w", view.c, 2)
        inputs, split = (Use(tensor.index, view, rows=Axis.ALL), weights), "cn"
        if node.op == "GroupNormalization":
            inputs, split = (Use(tensor.index, view, rows=Axis.ALL, channels=Axis.ALL), weights), "n"
    importer.add_layer(
        name, node.op, Engine.SHAVE, inputs, node.outputs[0], view, passes=ops.SHAVE_IMAGE[node.op], split=split
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
    inputs = [_reduced(tensor, view, letters)]
    weights = sum(1 for i in node.inputs[1:] if i and importer.is_constant(i))
    if weights:
        inputs.append(importer.per_channel(f"{name}.w", view.c, weights))
    split = "".join(k for k in "hcn" if k not in letters)
    cost = ops.SHAVE_NORMALIZE[node.op]
    importer.add_layer(name, node.op, Engine.SHAVE, tuple(inputs), node.outputs[0], view, passes=cost, split=split)


def _reduced(tensor: Tensor, view: Shape, letters: set[str]) -> Use:
    """The input of an op that needs whole axes (`letters`) of it."""
    return Use(
        tensor.index,
        view,
        batches=Axis.ALL if "n" in letters else Axis.SAME,
        rows=Axis.ALL if "h" in letters else Axis.SAME,
        channels=Axis.ALL if "c" in letters else Axis.SAME,
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
        (_reduced(tensor, source, letters),),
        node.outputs[0],
        view,
        passes=per_output,
        split="".join(k for k in "hcn" if k not in letters),
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
