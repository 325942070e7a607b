"""Published lifters, each written from its paper in one file, to stand beside this package's own.

Every file has ``train(poses, *, budget, seed) -> Trained``. ``poses`` are 2D ``BODY_15`` in pixels
with confidence, but for the two references that are given 3D: ``neighbor`` and ``supervised``.

What had to be changed for all of them, as they were made for Human3.6M's one laboratory:

- 15 joints; neck and pelvis are the middles of shoulders and hips, in depth too.
- Human3.6M's cameras stand equally far, so one scale does for all its people. MPII's people are of
  any size in pixels: each is brought to trunk lengths by the bones that look least foreshortened,
  and then varied by a tenth, since no random view is of a size that exact.
- MPII's people face the camera. They are drawn so that they face all directions equally often, as
  the random views do, and half of them mirrored.
- The papers' scores let a pose be mirrored, and their losses hardly tell front from back. Here
  this package's own loss on the bend of knees and elbows is added to all.
- Lifters begin with flat poses.
- A lifter of whole people gets missing joints from the training person most alike.
"""
