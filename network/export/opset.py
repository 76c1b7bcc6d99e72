"""Graphs of opset 18 of ONNX, which torch's exporter writes, as ones of opset 17."""

from __future__ import annotations

from collections.abc import Callable

import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

from network.errors import ExportError

OPSET = 17
IR_VERSION = 8
"""Of the onnx release that brought opset 17; onnxruntime 1.12 reads it."""
_REDUCTIONS = {
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean"),
    *("ReduceMin", "ReduceProd", "ReduceSumSquare"),
}


def lowered(model: ModelProto) -> ModelProto:
    """A model as one of opset 17, changed in place.

    Raises:
        ExportError: it uses what only later ones have.
    """
    constants = {each.name: each for each in model.graph.initializer} | {
        node.output[0]: node.attribute[0].t
        for node in model.graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    for node in model.graph.node:
        if node.op_type in _REDUCTIONS:
            _axes_to_attribute(node, constants)
        elif node.op_type in _LOWERED:
            _LOWERED[node.op_type](node)
        del node.metadata_props[:]
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", OPSET))
    model.ir_version = IR_VERSION
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            f"the network needs more than opset {OPSET} of ONNX has: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    return model


def halved(model: ModelProto) -> ModelProto:
    """A model whose weights, inputs, outputs and arithmetic have 16 bits, where ONNX can."""
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    model = onnx.shape_inference.infer_shapes(model)
    return convert_float_to_float16(model, op_block_list=DEFAULT_OP_BLOCK_LIST)


def _axes_to_attribute(node: NodeProto, constants: dict[str, onnx.TensorProto]) -> None:
    _without(("noop_with_empty_axes", None))(node)
    if len(node.input) < 2 or not node.input[1]:
        return
    axes = constants.get(node.input[1])
    if axes is None:
        raise ExportError(f"{node.op_type} over axes that are computed: not in opset {OPSET}")
    del node.input[1]
    node.attribute.append(helper.make_attribute("axes", numpy_helper.to_array(axes).tolist()))


def _without(*defaults: tuple[str, int]) -> Callable[[NodeProto], None]:
    """Leave out attributes of opset 18, which must have the value that 17 knows."""

    def lower(node: NodeProto) -> None:
        for name, default in defaults:
            for attribute in [a for a in node.attribute if a.name == name]:
                value = helper.get_attribute_value(attribute)
                if default is not None and value != default:
                    raise ExportError(f"{node.op_type} with {name}={value}: not in opset {OPSET}")
                node.attribute.remove(attribute)

    return lower


_LOWERED: dict[str, Callable[[NodeProto], None]] = {
    "Resize": _without(("antialias", 0), ("keep_aspect_ratio_policy", b"stretch"), ("axes", [])),
    # Without it and without sizes, the parts are equal, as those of torch's chunk of a weight.
    "Split": _without(("num_outputs", None)),
}
