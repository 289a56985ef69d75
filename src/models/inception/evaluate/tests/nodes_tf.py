# Single nodes in TensorFlow 2.15, with the attributes that are written here and no other: the outputs
# that ../tests.rs asks of `evaluate`.
# Usage: TF_CPP_MIN_LOG_LEVEL=3 python nodes_tf.py > nodes_tf.json
import json, numpy as np, tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import rewriter_config_pb2
from tensorflow.python.framework import op_def_registry

F, D, I, L, S, C, U, B = "f4", "f8", "i4", "i8", "i2", "i1", "u1", "?"
NAMES = {F: "float", D: "double", I: "int32", L: "int64", S: "int16", C: "int8", U: "uint8", B: "bool"}
cases = []

def a(values, dtype=F):
    return np.array(values, dtype)
def wave(*shape, dtype=F, k=3, scale=4):  # quarters, or small integers
    values = (np.arange(np.prod(shape, dtype=int)) * k * 7 + k) % 23 - 11
    return (values / scale if dtype in (F, D) else values).astype(dtype).reshape(shape)
def type_number(array):
    return tf.as_dtype(array.dtype).as_datatype_enum

def fill(attr, value):
    if isinstance(value, bool): attr.b = value
    elif isinstance(value, int): attr.i = value
    elif isinstance(value, float): attr.f = value
    elif isinstance(value, str): attr.s = value.encode()
    elif isinstance(value, tf.DType): attr.type = value.as_datatype_enum
    else: attr.list.i.extend(value)

def node(op, inputs, attrs):
    node, definition, rest = tf.NodeDef(name="node", op=op), op_def_registry.get(op), list(inputs)
    for i, arg in enumerate(definition.input_arg):  # types and numbers of inputs follow from these
        n = len(rest) - len(definition.input_arg) + i + 1 if arg.number_attr else 1
        if arg.number_attr: node.attr[arg.number_attr].i = n
        if arg.type_attr: node.attr[arg.type_attr].type = type_number(rest[0])
        rest = rest[n:]
    for key, value in attrs.items(): fill(node.attr[key], value)
    return node

def run(op, inputs, attrs):
    graph_def = tf.GraphDef()
    graph_def.versions.producer = 8
    names = []
    for i, value in enumerate(inputs):
        names.append(f"x{i}")
        x = graph_def.node.add(name=names[-1], op="Placeholder")
        x.attr["dtype"].type = type_number(value)
        x.attr["shape"].shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
    n = node(op, inputs, attrs)
    n.input.extend(names)
    graph_def.node.append(n)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        config = tf.ConfigProto()
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        with tf.Session(config=config) as session:
            outputs = graph.get_operation_by_name("node").outputs
            return session.run(list(outputs), {f"{name}:0": x for name, x in zip(names, inputs)})

def number(x):
    if isinstance(x, (np.bool_, np.integer)): return int(x)
    x = float(f"{x:.14g}" if x.dtype == D else str(x))
    return x if np.isfinite(x) else str(x)
def tensor(x):
    x = np.asarray(x)
    kind = NAMES[x.dtype.str.lstrip("<|=").replace("b1", "?")]
    values = [number(v) for v in x.ravel()]
    return [kind, list(x.shape), [int(v) if isinstance(v, float) and abs(v) < 2**53 and v == int(v) else v for v in values]]
def attribute(value):
    if isinstance(value, tf.DType): return {"type": value.name.replace("float32", "float").replace("float64", "double")}
    return value
def case(op, *inputs, exact=False, **attrs):
    inputs = [np.asarray(x) for x in inputs]
    outputs = run(op, inputs, attrs)
    case = {"op": op, "inputs": [tensor(x) for x in inputs], "outputs": [tensor(x) for x in outputs]}
    if attrs: case["attributes"] = {key: attribute(value) for key, value in attrs.items()}
    if exact: case["exact"] = True
    cases.append(case)

# Values that pass, shapes.
case("Identity", wave(2, 3)); case("StopGradient", wave(2)); case("CheckNumerics", wave(2), message="m")
x = a([0, 1.5, -1.5, 2.5, 300, -1, 3e9, 1e30, np.nan, np.inf])
for t in (tf.float64, tf.int32, tf.int64, tf.uint8, tf.bool, tf.float32): case("Cast", x, DstT=t)
for t in (tf.float32, tf.float64, tf.int64, tf.uint8, tf.int8, tf.int16, tf.bool):
    case("Cast", a([0, 1, -1, 300, 2**24 + 1, -2**31, 70000], I), DstT=t)
case("Cast", a([True, False], B), DstT=tf.float32); case("Cast", a([0, 255], U), DstT=tf.float32)
case("Cast", a([2**53 + 1, -2**63, 2**62 + 2**37 + 1], L), DstT=tf.float32)
case("Cast", a([1.5, -2.25, 1e300], D), DstT=tf.float32)
for s in ([2, 3], [], [0, 4], [1]):
    case("Shape", np.zeros(s, F)); case("Size", np.zeros(s, F)); case("Rank", np.zeros(s, F))
case("Shape", np.zeros([2, 3], U), out_type=tf.int64); case("Size", np.zeros([2, 3], B), out_type=tf.int64)
for old, new in (([2, 6], [3, -1]), ([2, 6], [12]), ([1], []), ([0, 3], [-1, 3]), ([0, 3], [-1, 0]), ([0, 3], [0, 7]), ([2, 2], [-1])):
    case("Reshape", wave(*old), a(new, I))
case("Reshape", wave(2, 2, dtype=U), a([4, 1], L))
for axis in (0, 1, 2, -1, -3): case("ExpandDims", wave(2, 3), a(axis, I))
case("ExpandDims", wave(2, dtype=L), a([1], L))
case("Squeeze", wave(1, 2, 1, 3, 1)); case("Squeeze", wave(1, 2, 1), squeeze_dims=[0])
case("Squeeze", wave(1, 2, 1), squeeze_dims=[-1]); case("Squeeze", wave(1, 0, 1)); case("Squeeze", wave(1, 1))
for shape, perm in (([2, 3], [1, 0]), ([2, 3, 4], [2, 0, 1]), ([2, 3, 2, 2], [0, 3, 1, 2]), ([0, 3], [1, 0]), ([], [])):
    case("Transpose", wave(*shape), a(perm, I))
case("Transpose", wave(2, 3, dtype=U), a([1, 0], L)); case("Transpose", wave(2, 3, dtype=I) > 0, a([1, 0], I))

# Parts and joins.
case("Slice", wave(3, 4), a([1, 2], I), a([2, -1], I)); case("Slice", wave(3, 4), a([0, 4], L), a([0, 0], L))
case("Slice", wave(3, 4, dtype=I), a([3, 1], I), a([-1, 2], I)); case("Slice", a(5.), np.zeros(0, I), np.zeros(0, I))
def strided(shape, begin, end, strides, /, dtype=F, index=I, **masks):
    case("StridedSlice", wave(*shape, dtype=dtype), a(begin, index), a(end, index), a(strides, index), **{f"{k}_mask": v for k, v in masks.items()})
strided([5], [1], [4], [1]); strided([5], [-1], [-6], [-1]); strided([5], [0], [9], [2]); strided([5], [4], [0], [-2])
strided([5], [3], [1], [1]); strided([5], [9], [-9], [-3]); strided([5], [-9], [9], [4]); strided([7], [1], [6], [2], dtype=I)
strided([5], [3], [2], [1], begin=1); strided([5], [3], [2], [1], end=1); strided([5], [2], [3], [-1], begin=1); strided([5], [2], [3], [-1], end=1)
strided([5], [2], [3], [-2], begin=1, end=1); strided([5], [0], [0], [1], begin=1, end=1)
strided([2, 3, 4], [1, 0], [2, 2], [1, 1]); strided([2, 3, 4], [0, 1], [1, 3], [1, 2], index=L)
strided([2, 3, 4], [1], [0], [1], shrink_axis=1); strided([2, 3, 4], [-1, 1], [0, 0], [1, 2], shrink_axis=3)
strided([2, 3, 4], [0, 1, -1], [0, 2, 0], [1, 1, 1], shrink_axis=5); strided([4], [-4], [0], [1], shrink_axis=1)
strided([2, 3, 4], [1], [0], [1], shrink_axis=1, begin=1, end=1)
strided([2, 3, 4], [0, 1], [0, 2], [1, 1], ellipsis=1); strided([2, 3, 4], [0, 0, 1], [1, 0, 3], [1, 1, 2], ellipsis=2)
strided([2, 3, 4], [0, 0], [1, 0], [1, 1], ellipsis=2); strided([2, 3], [0, 0, 0], [1, 0, 2], [1, 1, 1], ellipsis=2)
strided([2, 3, 4, 2], [0, 0, 0], [0, 0, 0], [1, 1, 1], ellipsis=2, shrink_axis=5)
strided([2, 3], [0, 0], [0, 2], [1, 1], new_axis=1); strided([2, 3], [0, 0, 1], [1, 0, 3], [1, 1, 1], new_axis=2)
strided([2, 3], [0, 0], [0, 0], [1, 1], new_axis=2, ellipsis=1); strided([2, 3], [0, 1, 0], [0, 2, 0], [1, 1, 1], new_axis=5)
strided([3, 4], [0, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], ellipsis=1, new_axis=10, shrink_axis=4)
strided([3], [0, 1], [0, 3], [1, 1], new_axis=1, shrink_axis=1); strided([2, 3], [1], [0], [1], ellipsis=1, shrink_axis=1, new_axis=1)
strided([0, 3], [0, 0], [1, 2], [1, 1]); strided([3, 3], [1, 1], [0, 0], [1, 1], begin=1, end=2); strided([2], [], [], [])
strided([6, 5], [5, 0], [0, 5], [-2, 3], begin=2, end=1, dtype=U); strided([2, 2], [0, 0], [2, 2], [1, 1], dtype=D)
for axis in (0, 1, 2, -1): case("Pack", wave(2, 3), wave(2, 3, k=5), axis=axis)
case("Pack", a(1, I), a(2, I), a(3, I)); case("Pack", wave(2)); case("Pack", wave(0, 2), wave(0, 2), axis=1)
case("Unpack", wave(2, 3), num=2); case("Unpack", wave(2, 3), num=3, axis=-1); case("Unpack", wave(0, 3), num=0)
case("Concat", a(1, I), wave(2, 1), wave(2, 3)); case("Concat", a(0, I), wave(1, 2, dtype=I), wave(2, 2, dtype=I))
case("ConcatV2", wave(2, 1), wave(2, 3), a(1, I)); case("ConcatV2", wave(1, 2, dtype=U), wave(2, 2, dtype=U), a(-2, I))
case("ConcatV2", wave(2, 2, 2), wave(2, 1, 2), wave(2, 0, 2), a(1, I)); case("ConcatV2", wave(0, 2), wave(0, 2), a(1, L))
case("Split", a(1, I), wave(2, 4), num_split=2); case("Split", a(-2, I), wave(2, 4), num_split=2); case("Split", a(0, I), wave(3, dtype=I), num_split=1)
case("SplitV", wave(5, 2), a([1, 3, 1], I), a(0, I), num_split=3); case("SplitV", wave(2, 5), a([2, -1, 0], L), a(-1, I), num_split=3)
case("Tile", wave(2, 3), a([2, 1], I)); case("Tile", wave(2, dtype=I), a([3], L)); case("Tile", wave(2, 3), a([0, 2], I)); case("Tile", a(1.), np.zeros(0, I))
case("Fill", a([2, 3], I), a(1.5)); case("Fill", a([], I), a(7, I)); case("Fill", a([2, 0], L), a(True, B))
case("ZerosLike", wave(2, dtype=I)); case("OnesLike", wave(2, 2)); case("ZerosLike", a([True], B))
for r in ((0, 5, 2), (5, -1, -2), (3, 3, 1)): case("Range", *[a(x, I) for x in r]); case("Range", *[a(x, L) for x in r])
case("Range", a(0), a(1), a(.25)); case("Range", a(1.), a(-1.), a(-.3)); case("Range", a(0, D), a(1, D), a(.1, D)); case("Range", a(.5), a(1.05), a(.1))
case("Gather", wave(3, 2), a([2, 0, 2], I)); case("Gather", wave(4, dtype=U), a([[1, 2], [3, 0]], L)); case("Gather", wave(3, 2), np.zeros([0], I))
case("GatherV2", wave(2, 3), a([2, 1], I), a(1, I)); case("GatherV2", wave(2, 3, 2), a(1, I), a(-2, I)); case("GatherV2", wave(2, 3), a([[0], [1]], L), a(0, L))
case("GatherV2", wave(2, 3, 2), a([[0, 2], [1, 1]], I), a(1, I), batch_dims=1); case("GatherV2", wave(2, 2, 3), a([[0, 1], [1, 1]], I), a(2, I), batch_dims=-1)
case("Pad", wave(2, 3), a([[1, 0], [0, 2]], I)); case("Pad", wave(2, dtype=I), a([[1, 1]], L)); case("Pad", wave(0, 2), a([[1, 1], [0, 0]], I)); case("Pad", a(3.), np.zeros([0, 2], I))
case("PadV2", wave(2, 2), a([[0, 1], [1, 0]], I), a(-9.)); case("PadV2", wave(2, dtype=U), a([[2, 0]], I), a(9, U))
for m in ("REFLECT", "SYMMETRIC"): case("MirrorPad", wave(3, 2), a([[2, 1], [0, 1]], I), mode=m); case("MirrorPad", wave(4, dtype=I), a([[1, 3]], L), mode=m)
case("MirrorPad", wave(3), a([[3, 3]], I), mode="SYMMETRIC")

# Arithmetic, comparisons.
pairs = [(wave(2, 3), wave(2, 3, k=5)), (wave(2, 3), a(.5)), (a(3.), wave(3)), (wave(2, 1, 3), wave(4, 1)), (wave(3), wave(2, 3)), (wave(0, 3), wave(3)), (wave(1, 0), wave(3, 1))]
ints = [(a([7, -7, 7, -7, -8, 0], t), a([2, 2, -2, -2, 4, 5], t)) for t in (I, L, C, S)]
big = [(a([2**31 - 1, -2**31], I), a([2, 3], I)), (a([200, 255, 7], U), a([100, 2, 9], U)), (a([2**62, -2**63], L), a([4, 3], L))]
doubles = (a([1.1, -2.7, 1e200, 3], D), a([.3, .7, 1e10, -2], D))
for op in ("Add", "AddV2", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference"):
    for p in [*(pairs if op in ("Add", "Maximum") else pairs[1:4]), doubles]: case(op, *p)
    for p in ints[:2] + (big if op not in ("SquaredDifference", "Maximum") else [])[:3 if op == "AddV2" or op == "Mul" else 1]: case(op, *p)
case("Maximum", a([1, np.nan, np.inf]), a([np.nan, 1, 2])); case("Minimum", a([1, np.nan, -np.inf]), a([np.nan, 1, 2]))
case("AddN", wave(2, 2), wave(2, 2, k=5), wave(2, 2, k=7)); case("AddN", wave(3, dtype=I)); case("AddN", wave(2, dtype=L), wave(2, dtype=L))
zero = (a([1, -1, 0, 5]), a([0, 0, 0, -2]))
for op in ("RealDiv", "Div", "FloorDiv", "FloorMod"): case(op, *pairs[1]); case(op, *doubles)
for op in ("Div", "FloorDiv", "FloorMod"):
    for p in ints[:2]: case(op, *p)
case("Div", *ints[2]); case("Div", *big[1]); case("FloorDiv", *big[1])
case("RealDiv", *zero); case("FloorDiv", *zero); case("FloorDiv", a([.3, .6, -.7, 1, -7]), a([.1, .2, .1, .1, 2])); case("FloorMod", a([.3, -.6, -.7, 1, -7, 7, 6]), a([.1, .4, .1, .1, 2, -2, -2]))
case("Pow", a([2, 1.5, 4, 0]), a([3, -2, .5, 0])); case("Pow", a([2, 9], D), a([.5, -1.5], D)); case("Pow", a([-2, 3, 0, 10], I), a([3, 2, 0, 12], I)); case("Pow", a([3, -3], L), a([39, 41], L))
for op in ("Equal", "NotEqual"): case(op, a([True, False], B), a([True, True], B)); case(op, a([np.nan, 1]), a([np.nan, 1])); case(op, *big[1])
for op in ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"):
    case(op, a([1, 2, 3]), a([2])); case(op, a([1, 2, 3], I), a([[2], [3]], I)); case(op, a([2**60, 1], L), a([2**60 + 1, 1], L)); case(op, a([.1], D), a([.2], D))
case("Less", a([250, 3], U), a([3, 250], U))
for op in ("LogicalAnd", "LogicalOr"): case(op, a([True, False], B), a([[True], [False]], B))
case("LogicalNot", a([True, False], B))
case("Select", a([[True, False]], B), a([[1, 2.]]), a([[3, 4.]])); case("Select", a([True, False], B), wave(2, 3), wave(2, 3, k=5)); case("Select", a(False, B), a([1, 2], I), a([3, 4], I)); case("Select", a([True, False], B), a([1, 2], U), a([3, 4], U))
case("SelectV2", a([[True], [False]], B), wave(3), a(9.)); case("SelectV2", a([True, False], B), wave(2, 2, dtype=I), wave(2, 1, dtype=I))

# Functions.
x, y = a([-7, -2.5, -1.5, -.5, 0, .5, 1.5, 6, 6.5, 20]), a([.01, .25, 1, 2, 100])
for op in ("Neg", "Abs", "Square", "Exp", "Floor", "Ceil", "Round", "Sigmoid", "Tanh", "Relu", "Relu6", "Elu", "Softplus", "LeakyRelu"):
    case(op, x); case(op, x.astype(D))
for op in ("Sqrt", "Rsqrt", "Log", "Reciprocal"): case(op, y); case(op, y.astype(D))
for op in ("Neg", "Abs", "Square", "Relu", "Relu6"): case(op, a([-7, 0, 3, 9, 70000], I)); case(op, a([-2**40, 5], L))
case("Relu", a([np.nan, -np.inf, np.inf])); case("Relu6", a([np.nan, np.inf])); case("Relu", wave(0, 2)); case("Rsqrt", a([0, -1])); case("LeakyRelu", x, alpha=.5); case("Relu6", a([3, 200], U)); case("Neg", a(-2**31, I)); case("Softplus", a([-100, 100, -30, 30])); case("Sigmoid", a([-100, 100]))
for op in ("Softmax", "LogSoftmax"): case(op, wave(2, 5)); case(op, a([[1000, 1001, -1000]])); case(op, wave(2, 3, dtype=D)); case(op, wave(0, 3))
case("Softmax", wave(2, 2, 3)); case("Softmax", wave(4))

# Reductions.
for op in ("Sum", "Mean", "Max", "Min", "Prod"):
    for axes in ([0], [1, -1], [], [0, 1, 2]): case(op, wave(2, 3, 2), a(axes, I))
    case(op, wave(2, 3), a(-1, I), keep_dims=True); case(op, wave(2, 3, dtype=D), a([0], L)); case(op, wave(2, 3, dtype=I), a(1, I)); case(op, wave(2, 3, dtype=L), a([0, 1], L), keep_dims=True)
    case(op, wave(0, 2), a(0, I)); case(op, wave(2, 0), a(0, I)); case(op, a(3.), np.zeros(0, I))
for op in ("Max", "Min", "Sum", "Prod"): case(op, np.zeros([0, 2], I), a(0, I))
case("Mean", a([200, 201, 255, 7], U), a(0, I)); case("Mean", a([2**31 - 1] * 2, I), a(0, I)); case("Sum", a([2**31 - 1, 5], I), a(0, I)); case("Max", a([200, 3], U), a(0, I))
for op in ("All", "Any"): case(op, a([[True, False], [True, True]], B), a([1], I)); case(op, np.zeros([0], B), a([0], I)); case(op, a([[True, False]], B), a([0, 1], I), keep_dims=True)
for op in ("ArgMax", "ArgMin"):
    case(op, a([[1, 3, 3], [2, 0, 0]]), a(1, I)); case(op, wave(2, 3, 4), a(1, I)); case(op, wave(2, 3, dtype=I), a(-1, L), output_type=tf.int32); case(op, wave(2, 3, dtype=U), a(0, I)); case(op, wave(3, dtype=L), a(0, I)); case(op, wave(0, 3), a(1, I)); case(op, wave(3, dtype=D), a(-1, I))
case("TopKV2", a([[1, 3, 3, 2], [0, -1, 5, 5]]), a(3, I)); case("TopKV2", wave(9, dtype=I), a(9, I)); case("TopKV2", wave(2, 3), a(0, I)); case("TopKV2", wave(2, 5, dtype=U), a(1, I)); case("TopKV2", wave(5, dtype=D), a(2, I), sorted=True)

# Products.
case("MatMul", wave(2, 3), wave(3, 4, k=5)); case("MatMul", wave(3, 2), wave(3, 4, k=5), transpose_a=True); case("MatMul", wave(2, 3), wave(4, 3, k=5), transpose_b=True)
case("MatMul", wave(3, 2, dtype=D), wave(4, 3, dtype=D), transpose_a=True, transpose_b=True); case("MatMul", wave(2, 3, dtype=I), wave(3, 1, dtype=I)); case("MatMul", a([[2**40 + 1]], L), a([[2**20 + 1]], L))
case("MatMul", a([[2**20 + 1]], I), a([[2**20 + 1]], I)); case("MatMul", wave(2, 0), wave(0, 3)); case("MatMul", wave(0, 2), wave(2, 3)); case("MatMul", wave(1, 64), wave(64, 3, k=2))
case("BatchMatMul", wave(2, 2, 3), wave(2, 3, 2, k=5)); case("BatchMatMul", wave(2, 1, 3, 2), wave(2, 1, 2, 3, k=5), adj_x=True, adj_y=True); case("BatchMatMul", wave(2, 3), wave(3, 2, k=5))
case("BatchMatMulV2", wave(2, 2, 3), wave(3, 2, k=5)); case("BatchMatMulV2", wave(3, 1, 2, 2), wave(2, 2, 2, k=5), adj_y=True)
case("BiasAdd", wave(2, 2, 2, 3), a([1, 2, 3])); case("BiasAdd", wave(2, 3, 2, 2), a([1, 2, 3]), data_format="NCHW"); case("BiasAdd", wave(2, 3), a([1, 2, 3])); case("BiasAdd", wave(2, 3, dtype=I), a([1, 2, 3], I)); case("BiasAdd", wave(2, 3, 2), a([1, 2, 3]), data_format="NCHW"); case("BiasAdd", wave(0, 3, dtype=D), a([1, 2, 3], D))

# Convolutions.
def conv(shape, by, strides, padding, op="Conv2D", dtype=F, **attrs):
    case(op, wave(*shape, dtype=dtype), wave(*by, k=5, dtype=dtype), strides=strides, padding=padding, **attrs)
for p in ("SAME", "VALID"):
    conv([2, 5, 4, 2], [3, 3, 2, 2], [1, 1, 1, 1], p); conv([1, 7, 6, 1], [3, 2, 1, 2], [1, 2, 2, 1], p); conv([1, 5, 6, 2], [2, 3, 2, 1], [1, 1, 2, 1], p); conv([1, 6, 5, 1], [1, 1, 1, 3], [1, 3, 2, 1], p)
    conv([1, 7, 7, 1], [3, 3, 1, 1], [1, 1, 1, 1], p, dilations=[1, 2, 2, 1]); conv([1, 6, 9, 2], [2, 3, 2, 1], [1, 1, 1, 1], p, dilations=[1, 1, 3, 1]); conv([1, 4, 5, 4], [3, 3, 2, 4], [1, 1, 1, 1], p)
    conv([1, 2, 5, 4], [3, 3, 2, 2], [1, 1, 1, 1], p, data_format="NCHW")
    conv([1, 2, 6, 5], [2, 3, 2, 2], [1, 1, 2, 2], p, data_format="NCHW"); conv([1, 4, 4, 1], [3, 3, 1, 2], [1, 1, 1, 1], p, dtype=D)
    conv([1, 5, 8, 1], [1, 7, 1, 1], [1, 1, 1, 1], p)
    d = "DepthwiseConv2dNative"
    conv([1, 5, 4, 3], [3, 3, 3, 1], [1, 1, 1, 1], p, d); conv([2, 6, 5, 2], [3, 2, 2, 2], [1, 2, 2, 1], p, d); conv([1, 7, 7, 2], [3, 3, 2, 1], [1, 1, 1, 1], p, d, dilations=[1, 2, 2, 1]); conv([1, 2, 5, 4], [3, 3, 2, 2], [1, 1, 1, 1], p, d, data_format="NCHW"); conv([1, 4, 4, 2], [3, 3, 2, 1], [1, 1, 1, 1], p, d, dtype=D)
conv([1, 4, 5, 1], [3, 3, 1, 1], [1, 1, 2, 1], "EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0]); conv([1, 4, 4, 1], [2, 2, 1, 1], [1, 2, 2, 1], "EXPLICIT", explicit_paddings=[0, 0, 3, 0, 0, 3, 0, 0])
conv([1, 1, 4, 5], [3, 3, 1, 1], [1, 1, 1, 1], "EXPLICIT", explicit_paddings=[0, 0, 0, 0, 1, 2, 0, 1], data_format="NCHW")
conv([1, 3, 3, 2], [2, 2, 2, 2], [1, 1, 1, 1], "VALID", dtype=I)

# Pools.
def pool(op, shape, ksize, strides, padding, dtype=F, **attrs):
    case(op, wave(*shape, dtype=dtype), ksize=ksize, strides=strides, padding=padding, **attrs)
for op in ("MaxPool", "AvgPool"):
    for p in ("SAME", "VALID"):
        pool(op, [2, 5, 4, 2], [1, 2, 2, 1], [1, 2, 2, 1], p); pool(op, [1, 6, 7, 1], [1, 3, 3, 1], [1, 2, 2, 1], p); pool(op, [1, 4, 6, 2], [1, 3, 2, 1], [1, 1, 3, 1], p); pool(op, [1, 5, 5, 1], [1, 1, 1, 1], [1, 2, 2, 1], p)
        pool(op, [1, 5, 4, 1], [1, 5, 4, 1], [1, 1, 1, 1], p); pool(op, [1, 2, 5, 4], [1, 1, 3, 3], [1, 1, 2, 2], p, data_format="NCHW"); pool(op, [1, 4, 4, 1], [1, 2, 3, 1], [1, 1, 1, 1], p, dtype=D)
    pool(op, [0, 4, 4, 1], [1, 2, 2, 1], [1, 2, 2, 1], "SAME"); pool(op, [1, 2, 2, 1], [1, 7, 5, 1], [1, 1, 1, 1], "SAME")
pool("MaxPool", [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME", dtype=I); pool("MaxPool", [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID", dtype=U)
case("MaxPool", wave(1, 3, 3, 1) - 20, ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 1, 0, 1, 0, 0])

# Normalisations.
case("LRN", wave(1, 2, 1, 7)); case("LRN", wave(1, 1, 2, 5), depth_radius=1, bias=2., alpha=.1, beta=.75); case("LRN", wave(2, 1, 1, 3), depth_radius=0, bias=1., alpha=.5, beta=1.)
bn = (wave(2, 2, 2, 3), a([1, 2, .5]), a([0, 1, -1]), a([.5, .25, -1]), a([1, 2, .01]))
none = np.zeros([0], F)
for op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"):
    case(op, *bn, is_training=False); case(op, *bn[:3], none, none)
case("FusedBatchNorm", *bn, is_training=False, epsilon=.001); case("FusedBatchNorm", wave(2, 3, 2, 2), *bn[1:], is_training=False, data_format="NCHW"); case("FusedBatchNormV3", wave(2, 3, 2, 2), *bn[1:3], none, none, is_training=True, epsilon=.01, data_format="NCHW")
case("FusedBatchNormV3", *bn, is_training=True, exponential_avg_factor=.25); case("FusedBatchNorm", wave(1, 1, 1, 3), *bn[1:3], none, none)
for scale in (True, False): case("BatchNormWithGlobalNormalization", wave(1, 2, 2, 3), a([.5, 0, -1]), a([1, 2, .01]), a([0, 1, -1]), a([1, 2, .5]), variance_epsilon=.001, scale_after_normalization=scale)
x = np.concatenate([np.linspace(-7, 7, 29) + .013, [0, .1, .3, -.1]]).round(3).astype(F)  # no ties
case("FakeQuantWithMinMaxArgs", x); case("FakeQuantWithMinMaxArgs", x, min=-1., max=3., num_bits=4, narrow_range=True)
for low, high in ((-6, 6), (0, 0), (1, 3), (-3, -1), (-.3, 1.7), (0, 6)): case("FakeQuantWithMinMaxVars", x, a(low), a(high))
case("FakeQuantWithMinMaxVars", x, a(-1), a(2), num_bits=3); case("FakeQuantWithMinMaxVarsPerChannel", wave(3, 2), a([-1, 0]), a([1, 2]))

# Blocks, sizes.
case("SpaceToBatchND", wave(1, 4, 4, 2), a([2, 2], I), a([[0, 0], [0, 0]], I)); case("SpaceToBatchND", wave(2, 3, 4, 1), a([2, 3], I), a([[1, 0], [2, 0]], I)); case("SpaceToBatchND", wave(1, 5, dtype=I), a([3], L), a([[0, 1]], L)); case("SpaceToBatchND", wave(1, 3), np.zeros([0], I), np.zeros([0, 2], I))
case("BatchToSpaceND", wave(4, 2, 2, 2), a([2, 2], I), a([[0, 0], [0, 0]], I)); case("BatchToSpaceND", wave(12, 2, 2, 1), a([2, 3], I), a([[1, 0], [2, 1]], I)); case("BatchToSpaceND", wave(3, 2, dtype=I), a([3], L), a([[0, 1]], L))
def ramp(*shape): return ((np.arange(np.prod(shape)) * 37) % 101 / 10).astype(F).reshape(shape)
for op in ("ResizeBilinear", "ResizeNearestNeighbor"):
    for size in ([3, 5], [7, 4], [1, 1], [4, 3]):
        case(op, ramp(1, 4, 3, 2), a(size, I), exact=True); case(op, ramp(1, 4, 3, 1), a(size, I), exact=True, align_corners=True); case(op, ramp(1, 4, 3, 1), a(size, I), exact=True, half_pixel_centers=True)
    case(op, (ramp(2, 3, 3, 1) * 10).astype(U), a([5, 2], I), exact=True); case(op, ramp(1, 13, 11, 1), a([5, 7], I), exact=True); case(op, ramp(0, 2, 2, 1), a([1, 3], I)); case(op, ramp(1, 2, 2, 1).astype(D), a([3, 3], I), exact=True); case(op, ramp(1, 1, 1, 2), a([2, 3], I), exact=True)
    case(op, wave(1, 2, 2, 1, dtype=I), a([3, 2], I), exact=True)

print("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]")
