//! A plan for Slurm: an array job for each trial.

use super::start::{Group, Script, Start};

/// A limit is so many times what such runs took: the cluster's processors may be slower, and its disks busy.
const TIMES: f64 = 3.0;
/// The shortest limit, in minutes.
const LEAST_MINUTES: f64 = 10.0;
/// Memory beyond half as much again as such runs took, in MiB: reading the data is in no record.
const SPARE_MIB: u64 = 512;

pub(super) fn scripts(start: &Start<'_>) -> Vec<Script> {
    vec![
        Script { name: "submit.sh", text: submit(start), executable: true },
        Script { name: "run.sbatch", text: one(start), executable: false },
        Script { name: "report.sbatch", text: report(start), executable: false },
    ]
}

/// Submits everything. A student's array begins when all runs of its teacher's have ended, whether they succeeded or not: a
/// student whose teacher failed tries it again itself. The tasks of an array are numbered from 0, since clusters bound their
/// numbers; which runs of the plan they are follows as arguments.
fn submit(start: &Start<'_>) -> String {
    let mut text = String::from(
        r#"#!/usr/bin/env bash
# Written by `reprise plan`: submits one array job for each trial, and a report after all of them.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p logs
"#,
    );
    text += &format!("{}\n", start.fetch());
    let groups = start.groups();
    for (number, group) in groups.iter().enumerate() {
        let after = |teacher| format!(" --dependency=afterany:${{job{teacher}%%;*}}");
        let indices = group.runs.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let (minutes, mib) = limits(group);
        text += &format!("\n# {}\n", start.about(group));
        text += &format!(
            "job{number}=$(sbatch --parsable --job-name={} --array=0-{} --time={minutes} --mem={mib}M \\\n    \
             --cpus-per-task={}{} run.sbatch {indices})\n",
            name(group),
            group.runs.len() - 1,
            start.threads,
            group.after.map(after).unwrap_or_default(),
        );
    }
    let all = (0..groups.len()).map(|number| format!(":${{job{number}%%;*}}")).collect::<String>();
    text + &format!(
        "\nsbatch --parsable --job-name=reprise-report --time=30 --mem=2048M --cpus-per-task=1 \\\n    \
         --dependency=afterany{all} report.sbatch\n"
    )
}

/// (minutes, MiB) that a run may take.
pub(super) fn limits(group: &Group<'_>) -> (u64, u64) {
    let needs = &group.first.needs;
    let minutes = (TIMES * needs.seconds / 60.0).max(LEAST_MINUTES).ceil() as u64;
    (minutes, (needs.bytes + needs.bytes / 2).div_ceil(1 << 20) + SPARE_MIB)
}

/// A name that needs no quotes.
fn name(group: &Group<'_>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    format!("{}-{}", group.first.spec, group.first.trial).chars().map(plain).collect()
}

/// One run. Two minutes before its time is over it is told to stop: it saves its state after the epoch, if that ends within a minute, and
/// is queued again in any case, as Slurm does after the failure of a node. A program that somebody killed (137) is, too. Both have a
/// bound, for a run that never gets further.
fn one(start: &Start<'_>) -> String {
    const SCRIPT: &str = r#"#!/usr/bin/env bash
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/%x-%A_%a.log
#SBATCH --signal=B:USR1@120
index=${@:SLURM_ARRAY_TASK_ID+1:1}
again() {
    if ((${SLURM_RESTART_COUNT:-0} < $1)); then
        echo "queued again"
        scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
    fi
}
over() {
    kill -TERM "$run" 2> /dev/null
    for ((i = 0; i < 60; i++)); do
        kill -0 "$run" 2> /dev/null || break
        sleep 1
    done
    if kill -0 "$run" 2> /dev/null; then again 20; exit 130; fi
    wait "$run"
    code=$?
    if ((code == 130)); then again 20; fi
    exit $code
}
trap over USR1
RUN &
run=$!
wait "$run"
code=$?
if ((code == 137)); then again 3; fi
exit $code
"#;
    SCRIPT.replace("RUN", &start.run("\"$index\"", "\"$SLURM_CPUS_PER_TASK\""))
}

fn report(start: &Start<'_>) -> String {
    let mut text = String::from("#!/usr/bin/env bash\n#SBATCH --output=logs/%x-%A.log\nfailed=0\n");
    for report in start.reports() {
        text += &format!("{report} || failed=1\n");
    }
    text + "exit $failed\n"
}
