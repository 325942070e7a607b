"""A torch network of convolutions as an OpenVINO model.

OpenVINO's own converter is not used: it goes through TorchScript, which torch has given up, takes
a second and a half in every process, and reports its use to the vendor. The few operations that
OpenPose's networks are made of are translated here one by one.
"""

import operator
from collections.abc import Callable
from typing import Any

import jaxtyping
import numpy as np
import openvino
import torch
from openvino import opset13 as ops
from torch import fx, nn
from torch.nn import functional


def openvino_model(network: nn.Module) -> openvino.Model:
    """Return the network as a model from images to maps.

    The model's input is one or more images as they lie in memory, (batch, height, width, 3) bytes
    of any size; its outputs are those of the network, in their order.

    Raises:
        NotImplementedError: If the network has an operation that is not translated here.
    """
    image = ops.parameter([-1, -1, -1, 3], np.uint8, name="image")
    planes = ops.transpose(ops.convert(image, np.float32), np.array([0, 3, 1, 2]))
    made: dict[fx.Node, Any] = {}
    for node in _traced(network).graph.nodes:
        if node.op == "placeholder":
            made[node] = planes
        elif node.op == "output":
            (maps,) = fx.map_arg(node.args, made.__getitem__)
            return openvino.Model([ops.result(each) for each in maps], [image], "openpose")
        else:
            made[node] = _translate(network, node, made)
    raise AssertionError("a traced network ends in its output")


def _traced(network: nn.Module) -> fx.GraphModule:
    """Follow the network with a stand-in for the image.

    It has no shape, so shape checks, where they are on, must look away.
    """
    checked = not jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        return fx.symbolic_trace(network)
    finally:
        jaxtyping.config.update("jaxtyping_disable", not checked)


def _translate(network: nn.Module, node: fx.Node, made: dict[fx.Node, Any]) -> Any:
    args = fx.map_arg(node.args, made.__getitem__)
    kwargs = fx.map_arg(node.kwargs, made.__getitem__)
    if node.op == "call_module":
        module = network.get_submodule(str(node.target))
        if translation := _MODULES.get(type(module)):
            return translation(module, *args)
    if node.op == "call_function" and (translation := _FUNCTIONS.get(node.target)):
        return translation(*args, **kwargs)
    raise NotImplementedError(f"cannot translate {node.format_node()}")


def _conv2d(conv: nn.Conv2d, x: Any) -> Any:
    weight = conv.weight.detach().numpy()
    padding = [int(side) for side in conv.padding]
    if conv.groups == 1:
        convolved = ops.convolution(x, weight, conv.stride, padding, padding, conv.dilation)
    else:
        per_group = weight.reshape(conv.groups, -1, *weight.shape[1:])
        convolved = ops.group_convolution(
            x, per_group, conv.stride, padding, padding, conv.dilation
        )
    if conv.bias is None:
        return convolved
    return ops.add(convolved, conv.bias.detach().numpy().reshape(1, -1, 1, 1))


def _prelu(module: nn.PReLU, x: Any) -> Any:
    return ops.prelu(x, module.weight.detach().numpy())


def _relu(x: Any, inplace: bool = False) -> Any:  # noqa: ARG001 - there is no memory to save
    return ops.relu(x)


def _pad(
    x: Any, pad: tuple[int, int, int, int], mode: str = "constant", value: float | None = None
) -> Any:
    assert mode == "constant"
    left, right, above, below = pad
    before, after = np.array([0, 0, above, left]), np.array([0, 0, below, right])
    return ops.pad(x, before, after, mode, np.float32(value or 0))


def _max_pool(x: Any, kernel_size: int, stride: int | None = None, **_: Any) -> Any:
    step = [stride or kernel_size] * 2
    size, none = [kernel_size] * 2, [0, 0]
    return ops.max_pool(x, step, [1, 1], none, none, size).output(0)


def _cat(tensors: list[Any], dim: int = 0) -> Any:
    return ops.concat(tensors, dim)


def _channels(x: Any, index: tuple[slice, ...]) -> Any:
    """Translate ``x[:, first:last]``."""
    everything, channels = index
    assert everything == slice(None)
    assert channels.step is None
    last = np.iinfo(np.int32).max if channels.stop is None else channels.stop
    first, last, step, axis = (np.array([n]) for n in (channels.start or 0, last, 1, 1))
    return ops.slice(x, first, last, step, axis)


def _with_number(operation: Callable[[Any, Any], Any]) -> Callable[[Any, float], Any]:
    return lambda x, number: operation(x, np.float32(number))


_MODULES: dict[type[nn.Module], Callable[..., Any]] = {
    nn.Conv2d: _conv2d,
    nn.PReLU: _prelu,
    nn.ReLU: lambda _, x: ops.relu(x),
    nn.MaxPool2d: lambda pool, x: _max_pool(x, pool.kernel_size, pool.stride),
}
_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    functional.relu: _relu,
    functional.pad: _pad,
    functional.max_pool2d: _max_pool,
    torch.cat: _cat,
    operator.getitem: _channels,
    operator.add: _with_number(ops.add),
    operator.sub: _with_number(ops.subtract),
    operator.mul: _with_number(ops.multiply),
    operator.truediv: _with_number(ops.divide),
}
