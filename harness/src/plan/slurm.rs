//! A plan for Slurm: an array job for each trial.

use super::script::{Group, Script, Start};

/// A limit is so many times what such runs took: the cluster's processors may be slower, and its disks busy.
const TIMES: f64 = 3.0;
/// The shortest limit, in minutes.
const LEAST_MINUTES: f64 = 10.0;
/// Memory beyond half as much again as such runs took, in MiB.
const SPARE_MIB: u64 = 256;

pub(super) fn scripts(start: &Start<'_>) -> Vec<Script> {
    vec![
        Script { name: "submit.sh", text: submit(start), executable: true },
        Script { name: "run.sbatch", text: one(start), executable: false },
        Script { name: "report.sbatch", text: report(start), executable: false },
    ]
}

/// Submits everything. A student's array begins when all runs of its teacher's have ended, whether they succeeded or not: a
/// student whose teacher failed tries it again itself.
fn submit(start: &Start<'_>) -> String {
    let mut text = String::from(
        "#!/usr/bin/env bash\n# Written by `reprise plan`: submits one array job for each trial, and a report after all of them.\n\
         set -euo pipefail\ncd \"$(dirname \"$0\")\"\nmkdir -p logs\n",
    );
    text += &format!("{}\n", start.fetch());
    let groups = start.groups();
    for (number, group) in groups.iter().enumerate() {
        let after = group.after.map(|teacher| format!(" --dependency=afterany:$job{teacher}")).unwrap_or_default();
        let indices = group.runs.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let (minutes, mib) = limits(group);
        text += &format!("\n# {}\n", start.about(group));
        text += &format!(
            "job{number}=$(sbatch --parsable --job-name={} --array={indices} --time={minutes} --mem={mib}M \\\n    \
             --cpus-per-task={}{after} run.sbatch)\n",
            name(group),
            start.threads,
        );
    }
    let all = (0..groups.len()).map(|number| format!(":$job{number}")).collect::<String>();
    text + &format!(
        "\nsbatch --parsable --job-name=reprise-report --time=30 --dependency=afterany{all} report.sbatch\n"
    )
}

/// (minutes, MiB) that a run may take.
fn limits(group: &Group<'_>) -> (u64, u64) {
    let needs = &group.first.needs;
    let minutes = (TIMES * needs.seconds / 60.0).max(LEAST_MINUTES).ceil() as u64;
    (minutes, (needs.bytes + needs.bytes / 2).div_ceil(1 << 20) + SPARE_MIB)
}

/// A name that needs no quotes.
fn name(group: &Group<'_>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    format!("{}-{}", group.first.spec, group.first.trial).chars().map(plain).collect()
}

/// One run. A minute before its time is over it saves its state and is queued again, as Slurm does after the failure of a node;
/// a program that somebody killed (137) is, too, a few times.
fn one(start: &Start<'_>) -> String {
    format!(
        "#!/usr/bin/env bash\n\
         #SBATCH --requeue\n\
         #SBATCH --open-mode=append\n\
         #SBATCH --output=logs/%x-%A_%a.log\n\
         #SBATCH --signal=B:USR1@60\n\
         {} &\n\
         run=$!\n\
         again() {{ echo requeue; scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\"; }}\n\
         over() {{ kill -TERM \"$run\"; wait \"$run\"; again; }}\n\
         trap over USR1\n\
         wait \"$run\"\n\
         code=$?\n\
         if ((code == 137 && ${{SLURM_RESTART_COUNT:-0}} < 3)); then again; fi\n\
         exit $code\n",
        start.run("\"$SLURM_ARRAY_TASK_ID\"", "\"$SLURM_CPUS_PER_TASK\"")
    )
}

fn report(start: &Start<'_>) -> String {
    let mut text = String::from("#!/usr/bin/env bash\n#SBATCH --output=logs/%x-%A.log\nfailed=0\n");
    for report in start.reports() {
        text += &format!("{report} || failed=1\n");
    }
    text + "exit $failed\n"
}
