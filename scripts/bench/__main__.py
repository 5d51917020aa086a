# SPDX-License-Identifier: GPL-2.0-or-later
"""Entry of the bench: options, the interleaved run, and what is left of it. Ends with 1 where a
scene failed or a figure is not as wanted."""

import argparse
import datetime
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import host, pairs, plan, plots, prepare, readme, report, rows  # noqa: E402
from bench.lab import Bench  # noqa: E402
from bench.progress import Progress  # noqa: E402
from bench.stats import Records  # noqa: E402
from marks import Lacking  # noqa: E402
from vmlab.errors import LabError  # noqa: E402
from vmlab.paths import ROOT  # noqa: E402
from vmlab.session import Session, sweep_folders  # noqa: E402


def options():
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", default=os.environ.get("BENCH") == "quick",
                        help="main rows, one round (BENCH=quick)")
    parser.add_argument("--rows", default=os.environ.get("ROWS", ""),
                        help="beginnings of row keys, by comma (ROWS=shrink,count); plots: "
                        + ", ".join(rows.PLOTS))
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--stock", choices=prepare.STOCK_KINDS, default=os.environ.get(
        "STOCK", "packaged"), help="Debian's emulator, or the same source built here (STOCK=built)")
    parser.add_argument("--results", action="store_true", help="run nothing: put the last results"
                        " into README.md and tests/RESULTS.md (make results)")
    parser.add_argument("--list", action="store_true", help="print the rows' keys and end")
    return parser.parse_args()


def chosen_scenes(opts, scenes, prefixes):
    """[(scene, rounds)]"""
    chosen = [
        (scene, plan.rounds(scene, opts.quick, bool(opts.rows)))
        for scene in plan.SCENES
        if scene.key in scenes or any(scene.key.startswith(word) for word in prefixes)
    ]
    return [(scene, rounds) for scene, rounds in chosen if rounds]


def run(scenes, bench, records, progress):
    """Round after round; within a scene the pairs take turns."""
    for scene, rounds in scenes:
        for number in range(1, rounds + 1):
            for pair in scene.pairs if number % 2 else reversed(scene.pairs):
                progress.scene(f"{scene.words}; {pair.words}, round {number}", scene.seconds)
                name = plan.recorded_as(scene)

                def note(step, values, name=name, pair=pair, number=number):
                    records.add(name, pair.key, number, step, {**values, "load": host.load()})

                try:
                    scene.run(bench, pair, note)
                    progress.scene_done(_summary(records, name, pair.key, number))
                except (LabError, OSError) as error:
                    records.fail(name, pair.key, number, error)
                    progress.scene_done(f"FAILED: {error}")


def _summary(records, scene, pair, number):
    taken = [
        f"{sample['step']} {sample['s']:.2f} s"
        for sample in records.samples
        if (sample["scenario"], sample["pair"], sample["round"]) == (scene, pair, number)
        and sample.get("s") is not None
    ]
    return ", ".join(taken) or "done"


def finish(opts, picked, records, facts):
    verdicts = [rows.judge(row, records) for row in picked]
    facts["ended"] = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    report.write_json(opts.out / "results.json", report.as_data(verdicts, records, facts))
    pictures = plots.draw(opts.out, records)
    print(f"\nBallonet bench, {facts['ended']}, {'quick' if opts.quick else 'full'}:"
          f" {facts['cpu']}, {facts['cpus']} CPUs, {facts['accelerator'].upper()},"
          f" host huge pages: {facts['huge_pages']}")
    print(f"guest kernel {facts['guest_kernel']}; stock QEMU {facts['stock_qemu']};"
          f" ours {facts['our_qemu']}, checkout {facts['checkout']}")
    print("medians (lowest..highest of the rounds); less is better, but where `at least` is"
          " wanted more\n")
    shown = [found for found in verdicts if found.ours or found.row.wanted()]
    if shown:
        print(report.table(shown))
    print()
    for line in report.floors(records):
        print(line)
    print(report.load(records))
    for failure in records.failures:
        print(f"failed: {failure['scenario']}, {failure['pair']}, round {failure['round']}:"
              f" {failure['reason']}")
    print(f"all samples: {opts.out / 'results.json'}", *pictures, sep="\n")
    missed = [] if pairs.BEFORE else report.missed(verdicts)
    if missed:
        print("\nnot as wanted: " + "; ".join(missed))
    return bool(records.failures or missed)


def main():
    opts = options()
    words = [word for word in opts.rows.replace(",", " ").split() if word]
    picked, scenes, prefixes = rows.selected(words)
    if opts.list:
        print("\n".join([f"{row.key:28}{row.name.strip()}" for row in picked] + list(rows.PLOTS)))
        return 0
    if opts.results:
        try:
            readme.put(opts.out, ROOT)
        except (Lacking, OSError) as why:
            return _last_word(f"the tables stay as they are: {why}", 1)
        return 0
    scenes = chosen_scenes(opts, scenes, prefixes)
    if not scenes:
        return _last_word(f"no scene of this mode gives rows {opts.rows!r}; see --list", 2)
    records, facts = Records(), {}
    try:
        host.check()
        sweep_folders()
        with Session(signals=True) as session:
            paths, files, plugins, about = prepare.pin(session.dir, opts.stock)
            facts = {**host.facts(), **about, "mode": "quick" if opts.quick else "full",
                     "load_at_start": host.load()}
            progress = Progress(sum(
                scene.seconds * len(scene.pairs) * rounds for scene, rounds in scenes
            ))
            bench = Bench(paths, files, plugins, session.dir, progress.say, progress.tick)
            run(scenes, bench, records, progress)
        return int(finish(opts, picked, records, facts))
    except KeyboardInterrupt as why:
        if records.samples:
            finish(opts, picked, records, facts)
        return _last_word(f"interrupted ({why}); what it started has ended", 130)
    except LabError as error:
        return _last_word(f"FAILED: {error}", 1)


def _last_word(text, status):
    print(f"bench: {text}", file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
