"""What the weights of the OpenPose models may be used for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class License:
    """Terms of a model's weights, in short.

    Attributes:
        name: As listed and stored beside weights.
        must_be_accepted: Whether a user must agree before the weights are used.
        summary: What it allows and forbids, in our words; the full text alone counts.
        full_text: Where that is.
    """

    name: str
    must_be_accepted: bool
    summary: tuple[str, ...]
    full_text: str


APACHE_2 = License(
    name="Apache-2.0",
    must_be_accepted=False,
    summary=("Free for all uses, with attribution.",),
    full_text="the files LICENSE and NOTICE of this package",
)

CMU_OPENPOSE = License(
    name="CMU, noncommercial research",
    must_be_accepted=True,
    summary=(
        "Carnegie Mellon University owns these weights and licenses them to academic",
        "institutions, non-profit organizations and individuals,",
        "- for their own noncommercial, internal research only;",
        "- not to be passed on, sold, lent or sublicensed, in no form: the converted file and",
        "  anything else derived from them fall under the same terms;",
        "- copies only as this use needs them, at one site of an organization;",
        "- without any warranty; who breaks the terms must stop and delete all copies.",
        "Commercial use needs another license from the university.",
    ),
    full_text="https://github.com/CMU-Perceptual-Computing-Lab/openpose/blob/master/LICENSE",
)
