"""Commands that judge what is stored, without decoding: rejudge, calibrate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from qc_plugin.cli import options as o
from qc_plugin.cli.screen import err, out
from qc_plugin.files import write_new

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig
    from qc_plugin.workshop.calibrate import Calibration
    from qc_plugin.workshop.rejudge import RejudgeResult


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (rejudge, calibrate):
        app.command()(command)


def rejudge(
    reports: Annotated[list[Path], typer.Argument(help="Reports, or folders of them.", show_default=False)],
    rules: Annotated[list[str], typer.Option("--rules", help="Rule set; several: chosen by applies_to.")],
    diff: Annotated[bool, typer.Option("--diff", help="Say what changes, and the closest calls.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=256, help="Processes.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would change.")] = False,
    target: Annotated[
        Optional[Path], typer.Option("--reports", help="Folder to write to; default: beside each report.")
    ] = None,
    review: Annotated[
        Optional[Path], typer.Option("--review", help="Write a review page of the closest calls (decodes).")
    ] = None,
    assets: Annotated[
        Optional[Path], typer.Option("--assets", help="For --review: folder with the assets, if they moved.")
    ] = None,
    config: o.ConfigFile = None,
    as_json: o.Json = False,
) -> int:
    """Example: qc-plugin rejudge qc-reports --rules new.yaml --diff --dry-run --review calls.html

    Judge stored measures by other rules: new reports beside the old, nothing decoded. Exit code 2 when a
    report could not be read; the others are judged.
    """
    from qc_plugin.cli.judging_screen import counting, print_changes, print_summary, rejudge_json
    from qc_plugin.workshop.rejudge import rejudge as rejudge_reports

    run = o.settings(config, jobs=jobs)
    with counting("rejudge") as tell:
        result = rejudge_reports(
            reports,
            run,
            rules=rules,
            root=target,
            dry_run=dry_run,
            progress=lambda _, n_done, n_all: tell(n_done, n_all),
        )
    if as_json:
        print(json.dumps(rejudge_json(result)))
    else:
        print_summary(result, dry_run=dry_run)
        if diff or dry_run:
            print_changes(result)
    if review is not None:
        _review_calls(result, rules, run, review, assets)
    for warning in result.warnings:
        err.print(warning, markup=False, soft_wrap=True)
    return result.exit_code


def _review_calls(
    result: RejudgeResult, rules: list[str], run: RunConfig, page: Path, assets: Path | None
) -> None:
    from qc_plugin.workshop.review_calls import review_calls

    if not result.closest():
        err.print("no decision changes: there is no closest call, and no page was written")
        return
    made = review_calls(result, rules, run, page, assets=assets)
    for asset, why in made.without_pictures:
        err.print(f"no pictures of {asset}: {why}", soft_wrap=True, markup=False)
    err.print(f"closest calls: {made.page}", soft_wrap=True, markup=False)


def calibrate(
    decisions: Annotated[Path, typer.Argument(help="decisions.jsonl of a review page.", show_default=False)],
    reports: Annotated[list[Path], typer.Argument(help="Reports, or folders of them.", show_default=False)],
    rule: Annotated[str, typer.Option("--rule", help="Id of the rule.")],
    rules: Annotated[
        Optional[str], typer.Option("--rules", help="Rule set; default: the one of the reports.")
    ] = None,
    recall: Annotated[float, typer.Option("--recall", min=0, max=1, help="Faults `pass` must stop.")] = 0.95,
    precision: Annotated[
        float, typer.Option("--precision", min=0, max=1, help="Rejects among what fails.")
    ] = 0.90,
    curve: Annotated[Optional[Path], typer.Option("--curve", help="Write the curves as SVG.")] = None,
    target: Annotated[
        Optional[Path], typer.Option("--out", help="Write the proposal (YAML); default: standard output.")
    ] = None,
    drop_contradictory: Annotated[
        bool, typer.Option("--drop-contradictory", help="Leave out frames that are decided in two ways.")
    ] = False,
    config: o.ConfigFile = None,
) -> int:
    """Example: qc-plugin calibrate decisions.jsonl qc-reports --rule face-motion-blur --curve limits.svg

    Hold the limits of a rule against what people decided, and propose others. Rule files are never written.
    """
    from qc_plugin.cli.judging_screen import calibration_lines
    from qc_plugin.rulesets.proposal import proposal_yaml
    from qc_plugin.workshop.calibrate import Goal
    from qc_plugin.workshop.calibrate import calibrate as calibrate_rule

    found = calibrate_rule(
        decisions,
        reports,
        rule,
        o.settings(config),
        rules=rules,
        goal=Goal(recall=recall, precision=precision),
        drop_contradictory=drop_contradictory,
    )
    for warning in found.warnings:
        err.print(f"note: {warning}", markup=False, soft_wrap=True)
    table = calibration_lines(found)
    block = proposal_yaml(found.rule, found.limits, found.source)
    text = "".join(f"# {line}".rstrip() + "\n" for line in table) + block
    if target is not None:
        write_new(target, text, what="the proposal")
    if curve is not None:
        _write_curve(found, curve)
    if target is None:
        print(text, end="")
        return 0
    print("\n".join(table))
    out.print(f"proposal: {target}", markup=False, soft_wrap=True)
    return 0


def _write_curve(found: Calibration, path: Path) -> None:
    from qc_plugin.files import write_whole

    write_whole(path, found.curve(), what="the curves")
    err.print(f"curve: {path}", markup=False, soft_wrap=True)
