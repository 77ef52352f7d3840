"""Bundles in the tools of those who defined their metadata: rocrate reads ro-crate-metadata.json, roc-validator holds it against
Process Run Crate, and mlcroissant reads croissant.json.

With the packages of requirements-bundles.txt:
python bundles.py --reprise ../../target/release/reprise --work work [SPEC[:PROFILE] …]"""

import argparse
import subprocess
import zipfile
from collections import Counter
from pathlib import Path

import mlcroissant
from rocrate.rocrate import ROCrate
from rocrate_validator import models, services

ROOT = Path(__file__).resolve().parents[2]


def bundle(program, spec, work):
    """The bundle of a spec's committed records, checked by the program and unpacked."""
    name, _, profile = spec.partition(":")
    archive = work / (spec.replace("/", "-").replace(":", "-") + ".zip")
    folder = archive.with_suffix("")
    places = ["--home", ROOT, "--cache", work / "cache"]
    words = ["bundle", name, "--to", archive] + (["--profile", profile] if profile else [])
    subprocess.run([program, *words, *places], check=True)
    subprocess.run([program, "bundle", "--check", archive, "--cache", work / "cache"], check=True)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return archive, folder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--reprise", required=True, help="the program, such as target/release/reprise")
    parser.add_argument("--work", required=True, help="a folder for everything that is written")
    parser.add_argument("specs", nargs="*", default=["de-rrd/citeulike", "ader/diginetica:cpu", "adarec/movietweetings"])
    args = parser.parse_args()
    program, work = Path(args.reprise).resolve(), Path(args.work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for spec in args.specs:
        archive, folder = bundle(program, spec, work)
        crate = ROCrate(folder)
        runs = crate.get_by_type("CreateAction")
        files = [entity for entity in crate.data_entities if "File" in entity.type]
        lost = [entity.id for entity in files if not (folder / entity.id).is_file()]
        loose = [run.id for run in runs if not (run["result"] and run["instrument"] and run["object"])]
        print(f"{spec}: rocrate reads {len(files)} files and {len(runs)} runs of {archive.stat().st_size} bytes")
        if lost or loose or not runs:
            print(f"  NOT THERE: {lost} {loose}")
            wrong += 1
        settings = services.ValidationSettings(
            rocrate_uri=str(folder),
            profile_identifier="process-run-crate-0.5",
            requirement_severity=models.Severity.RECOMMENDED,
        )
        issues = services.validate(settings).get_issues()
        required = [issue for issue in issues if issue.severity == models.Severity.REQUIRED]
        wrong += len(required)
        print(f"  roc-validator: {len(required)} of what is required is missing, {len(issues) - len(required)} of what is recommended")
        for (severity, message), count in Counter((issue.severity.name, issue.message) for issue in issues).items():
            print(f"    {count} × {severity}: {message}")
        dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
        issues = dataset.metadata.ctx.issues
        print(f"  mlcroissant: {len(issues.errors)} errors, {len(issues.warnings)} warnings")
        for issue in [*issues.errors, *issues.warnings]:
            print(f"    {issue}")
        wrong += len(issues.errors)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
