"""A pose on a turntable, as a GIF: depth is plainest when it moves."""

import io

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from PIL import Image

from pose_lib.plots.figures import png_bytes
from pose_lib.plots.scene import FRONT, draw_pose_3d, zoom_to_fit
from pose_lib.skeleton import BODY_15

_DPI = 100.0
_COLORS = 48


def turntable_gif(
    pose: Float[np.ndarray, "15 3"],
    filled: Bool[np.ndarray, "15"],
    *,
    uncertainty: Float[np.ndarray, "15"] | None = None,
    n_frames: int = 36,
    seconds: float = 3.6,
    pixels: int = 320,
) -> bytes:
    """Turn a pose once around its vertical axis, in an endless loop.

    Args:
        pose: ``BODY_15``, camera frame, any unit.
        filled: Joints that were not seen in the picture; drawn hollow.
        uncertainty: The error to expect of each joint, drawn as a halo; none where not given.
        seconds: For a whole turn.
        pixels: Width and height.
    """
    elevation, first = FRONT
    azimuths = first + np.linspace(0, 360, n_frames, endpoint=False)
    views = [(elevation, float(azimuth)) for azimuth in azimuths]
    frames = [_frame(pose, filled, uncertainty, view, views, pixels) for view in views]
    palette = frames[0].quantize(_COLORS)  # one for all, or colors flicker
    indexed = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    indexed[0].save(
        buffer,
        format="gif",
        save_all=True,
        append_images=indexed[1:],
        duration=round(1000 * seconds / n_frames),
        loop=0,
    )
    return buffer.getvalue()


def _frame(
    pose: Float[np.ndarray, "15 3"],
    filled: Bool[np.ndarray, "15"],
    uncertainty: Float[np.ndarray, "15"] | None,
    view: tuple[float, float],
    views: list[tuple[float, float]],
    pixels: int,
) -> Image.Image:
    figure = Figure(figsize=(pixels / _DPI, pixels / _DPI), dpi=_DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), projection="3d")
    assert isinstance(axes, Axes3D)
    draw_pose_3d(axes, pose, filled, BODY_15, view=view, uncertainty=uncertainty)
    box = np.ptp([axes.get_xlim3d(), axes.get_ylim3d(), axes.get_zlim3d()], axis=1)
    axes.set_box_aspect(box, zoom=min(zoom_to_fit(box, each) for each in views))
    return Image.open(io.BytesIO(png_bytes(figure))).convert("RGB")
