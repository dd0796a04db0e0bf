"""The shape of a rule file, as pydantic checks it once parents are joined and `${params}` put in.

Unknown keys are refused everywhere. Whether the words mean something (measures, regions, params, messages) is
checked in `rule_checks`; what the keys are for is told in docs/rules.md.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AllowInfNan,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

from qc_plugin.types import AssetKind, Decision, Outcome, RegionKind, Severity

# In a file, a number may also be named: "${face_blur_ok}". The models only ever see the number.
_NUMBER_SCHEMA = {
    "anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\$\{[a-z][a-z0-9_]*\}$"}],
}
Number = Annotated[float, Strict(), AllowInfNan(allow_inf_nan=False), WithJsonSchema(_NUMBER_SCHEMA)]
Positive = Annotated[Number, Field(gt=0), WithJsonSchema(_NUMBER_SCHEMA)]
NotNegative = Annotated[Number, Field(ge=0), WithJsonSchema(_NUMBER_SCHEMA)]
Share = Annotated[Number, Field(ge=0, le=1), WithJsonSchema(_NUMBER_SCHEMA)]
Whole = Annotated[int, Strict(), Field(ge=1), WithJsonSchema(_NUMBER_SCHEMA)]
Text = Annotated[str, Strict(), StringConstraints(min_length=1, max_length=400)]
Word = Annotated[str, Strict(), StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$", max_length=64)]
Ratio = Literal["16:9", "2:3", "1:1"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _OneBound(_Model):
    """A model with two bounds of which exactly one is given."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for _, value in self) != 1:
            names = " or ".join(f"`{name}`" for name in type(self).model_fields)
            raise ValueError(f"takes exactly one of {names}")
        return self


class Band(_OneBound):
    """An inclusive bound: a value at the limit is inside."""

    at_most: Number | None = None
    at_least: Number | None = None

    @property
    def limit(self) -> float:
        """The bound that is given."""
        limit = self.at_most if self.at_most is not None else self.at_least
        assert limit is not None
        return limit


class Threshold(_OneBound):
    """An exclusive bound: a value at the limit is outside."""

    above: Number | None = None
    below: Number | None = None

    @property
    def limit(self) -> float:
        """The bound that is given."""
        limit = self.above if self.above is not None else self.below
        assert limit is not None
        return limit

    def holds(self, value: float) -> bool:
        """Whether `value` is beyond the bound."""
        return value > self.above if self.above is not None else value < (self.below or 0.0)


class Pick(_Model):
    """Of the regions that fit, the `top` ones."""

    by: Literal["area", "height", "confidence", "sharpness"] = "area"
    top: Whole


class Selection(_Model):
    """Which regions of a frame a rule looks at. Sizes are shares of the frame."""

    kind: RegionKind
    min_height: Share | None = None
    max_height: Share | None = None
    min_area: Share | None = None
    max_area: Share | None = None
    min_confidence: Share | None = None
    pick: Pick | None = None


class Then(_Model):
    """What an outcome does to the frame."""

    pass_: Decision = Field("accept", alias="pass")
    borderline: Decision = "review"
    fail: Decision = "review"


class Lasting(_Model):
    """How long a finding must last to be told of an asset."""

    longer_than_s: NotNegative


def _region_form(value: object) -> str:
    return "name" if isinstance(value, str) else "selection"


RegionRef = Annotated[
    Annotated[Word, Tag("name")] | Annotated[Selection, Tag("selection")], Discriminator(_region_form)
]


class Rule(_Model):
    """Turns a measure into an outcome and an action."""

    id: Word
    title: Text | None = None
    region: RegionRef = "frame"
    measure: Word
    reduce: Literal["max", "min", "mean", "any"] | None = None
    pass_: Band = Field(alias="pass")
    borderline: Band | None = None
    for_: Lasting | None = Field(None, alias="for")
    if_missing: Literal["skip", "fail"] = "skip"
    needs: tuple[Word, ...] = ()
    unless_found: tuple[Word, ...] = ()
    contradicted_by: dict[Word, Threshold] = Field(default_factory=dict)
    severity: Severity = "warning"
    then: Then = Then.model_validate({})
    message: Text | None = None
    tags: tuple[Text, ...] = ()


class Exclude(_Model):
    """Keeps frames out of ranking and judging; all conditions must hold."""

    id: Word
    title: Text | None = None
    when: dict[str, Threshold] = Field(min_length=1)


class Width(_Model):
    """Widths in pixels, both ends inclusive."""

    at_least: Whole | None = None
    at_most: Whole | None = None


class Unless(_Model):
    """Assets that a rule set is not for."""

    content: tuple[Text, ...] = ()
    genre: tuple[Text, ...] = ()


class AppliesTo(_Model):
    """Assets that a rule set is for; a key that is absent matches everything."""

    asset: tuple[AssetKind, ...] = ()
    content: tuple[Text, ...] = ()
    genre: tuple[Text, ...] = ()
    width: Width | None = None
    unless: Unless | None = None


class Diversity(_Model):
    """What keeps ranked frames different from each other; an absent limit does not apply."""

    per_shot: Whole | None = None
    min_gap_s: NotNegative | None = None
    max_similarity: Share | None = None


class Rank(_Model):
    """How frames are ordered."""

    best: Whole = 20
    score: dict[str, Positive] = Field({"frame_sharpness": 1.0}, min_length=1)
    diversity: Diversity = Field(default_factory=Diversity)
    crops: tuple[Ratio, ...] = ()


class VerdictRules(_Model):
    """What frames and findings mean for the asset; any condition is enough."""

    reject_if: dict[str, Threshold] = Field(default_factory=dict)
    review_if: dict[str, Threshold] = Field(default_factory=dict)


class RepairRules(_Model):
    """What a repair must prove before it is accepted; every rule that asked for it must pass as well.

    `blur_falls_by`: of the coverage measured before, in coverage. `reblur_db`: how well the result, blurred
    along the path that was found, must explain the input (PSNR of the changed pixels). `change_at_most`: of
    the coarse look of a face or hand, as a share of full scale. `frames`: repaired at most, best first.
    """

    blur_falls_by: Share = 0.05
    reblur_db: NotNegative = 30.0
    change_at_most: Share = 0.04
    frames: Whole = 8


class GivenRegion(BaseModel):
    """A region of a test case; keys beyond these are measures of it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Number]
    kind: RegionKind
    height: Share
    confidence: Share = 1.0


class Given(_Model):
    """A made-up frame: its measures and regions."""

    frame: dict[str, Number] = Field(default_factory=dict)
    regions: tuple[GivenRegion, ...] = ()


class Expect(_Model):
    """What must come out."""

    decision: Decision | None = None
    excluded: Word | None = None
    rules: dict[str, Outcome] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.decision is None and self.excluded is None and not self.rules:
            raise ValueError("expects nothing; give `decision`, `excluded` or `rules`")
        return self


class RuleTest(_Model):
    """One case written by the people who own the rules."""

    name: Text
    given: Given
    expect: Expect


class ResolvedRules(_Model):
    """A rule set with everything it inherits; all that decides is in here."""

    schema_: Literal[1] = Field(alias="schema")
    id: Word
    title: Text
    applies_to: AppliesTo | None = None
    params: dict[Word, Number] = Field(default_factory=dict)
    exclude: tuple[Exclude, ...] = ()
    regions: dict[Word, Selection] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    rank: Rank = Rank.model_validate({})
    verdict: VerdictRules = Field(default_factory=VerdictRules)
    repair: RepairRules = Field(default_factory=RepairRules)
    tests: tuple[RuleTest, ...] = ()


class RuleFile(ResolvedRules):
    """A rule file as people write it; for editors (JSON Schema) and for the known keys at the top."""

    extends: tuple[Word, ...] = ()
    disable: tuple[Word, ...] = ()
    override: dict[Word, dict[str, Any]] = Field(default_factory=dict)
