//! All reports as one self-contained HTML page: no network, no script.

mod markdown;

use std::fmt::{Display, Write as _};

use super::block::PageBlock;
use super::contents::Report;
use super::{overview, page};
use crate::compare::{Agreement, Verdict};
use crate::meter::Machine;
use crate::record::{LatencyRecord, Program, Record};
use crate::table::{Align, Table};
use crate::train::Fact;
use markdown::{blocks, escaped, inline};

/// The reports of the specs of one paper, or of those of none.
pub struct Paper<'a> {
    /// Folder of the paper, such as `de_rrd`.
    pub folder: Option<&'a str>,
    /// One report for each spec.
    pub reports: &'a [Report<'a>],
    /// Text of its NOTES.md, if it has one.
    pub notes: Option<String>,
}

const STYLE: &str = include_str!("style.css");

/// The page, with the papers in this order.
pub fn html(papers: &[Paper]) -> String {
    let mut body = String::from("<header><h1>Reprise: which published results hold</h1>\n<nav>");
    let reports = || papers.iter().flat_map(|paper| paper.reports).filter(|report| report.has_runs());
    for report in reports() {
        let (anchor, spec) = (anchor(&[&report.basis.spec.id]), escaped(&report.basis.spec.id));
        let _ = write!(body, "<a href=\"#{anchor}\">{spec}</a> ");
    }
    body += "</nav></header>\n<main>\n";
    if reports().next().is_none() {
        body += "<p>No spec has a current record here; <code>reprise run quick</code> makes some.</p>\n";
    }
    body += &overview_section(papers);
    for paper in papers {
        for report in paper.reports.iter().filter(|report| report.has_runs()) {
            body += &section(report);
        }
        if let (Some(notes), Some(folder)) = (&paper.notes, paper.folder) {
            let name = escaped(folder);
            let _ = write!(
                body,
                "<section><details class=\"notes\" id=\"notes-{name}\"><summary>Notes on {name}: what is exact, what differs, \
                 what was found</summary>\n{}</details></section>\n",
                blocks(notes)
            );
        }
    }
    body += "</main>\n";
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Reprise</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n"
    )
}

/// The section that gives the verdicts on all specs, and their rules.
fn overview_section(papers: &[Paper]) -> String {
    let reports = papers.iter().flat_map(|paper| paper.reports);
    let all = overview::overview(reports, |report| format!("#{}", anchor(&[&report.basis.spec.id])));
    let words = Agreement::ALL.iter().map(|word| (word.to_string(), word.rule()));
    let verdicts = Verdict::ALL.iter().map(|verdict| (verdict.to_string(), verdict.rule()));
    let rules: String = verdicts
        .chain(words)
        .map(|(word, rule)| format!("<dt>{}</dt><dd>{}</dd>\n", marked(&word), inline(&rule)))
        .collect();
    format!(
        "<section id=\"verdicts\">\n<h2>Verdicts</h2>\n{}<details><summary>What the words mean</summary><dl>\n{rules}</dl>\
         </details>\n</section>\n",
        table(&all, None)
    )
}

/// The section of one spec.
fn section(report: &Report) -> String {
    let spec = &report.basis.spec.id;
    let mut text = format!("<section id=\"{}\">\n", anchor(&[spec]));
    for block in page::page(report) {
        match &block {
            PageBlock::Heading(level, heading) => {
                // The page has a title of its own above.
                let level = level + 1;
                let _ = writeln!(text, "<h{level}>{}</h{level}>", inline(heading));
            }
            PageBlock::Text(markdown) => text += &blocks(markdown),
            PageBlock::Table(of) => text += &table(of, Some(report)),
            PageBlock::Folded(what, of) => {
                let _ = writeln!(
                    text,
                    "<details><summary>{}</summary>{}</details>",
                    escaped(what),
                    table(of, Some(report)).trim_end()
                );
            }
            PageBlock::Figure(figure) => {
                let _ = writeln!(
                    text,
                    "<figure>{}<figcaption>{}</figcaption></figure>",
                    figure.svg.trim_start_matches(|c| c != '<'),
                    inline(&figure.caption)
                );
            }
        }
    }
    text += "<h3>Where each figure comes from</h3>\n";
    for trial in &report.basis.spec.trials {
        let runs = report.ours.runs.trial(&trial.id);
        if !runs.is_empty() {
            let _ = writeln!(
                text,
                "<details class=\"runs\"><summary>{}: {} run{}</summary><div id=\"{}\">",
                escaped(&trial.label),
                runs.len(),
                if runs.len() == 1 { "" } else { "s" },
                // Inside, because a link to it then opens it.
                anchor(&[spec, &trial.id])
            );
            runs.iter().for_each(|record| text += &provenance(record));
            if let Some(latencies) = &report.ours.latencies {
                latencies.trial(&trial.id).for_each(|record| text += &served(record));
            }
            text += "</div></details>\n";
        }
    }
    text + "</section>\n"
}

/// Command, machine and digests of a run, as HTML.
fn provenance(record: &Record) -> String {
    let seconds: Vec<_> = record.seconds.iter().map(|(phase, seconds)| format!("{phase} {seconds:.1}")).collect();
    let mut terms = made_by(&record.command, &record.program, &record.started, &record.machine);
    terms.extend([
        ("Device", format!("{}, {} threads", escaped(&record.device), record.threads)),
        ("Seconds", escaped(&seconds.join(", "))),
        ("Run", record.digests.run.to_string()),
        ("Raw files", record.digests.data.to_string()),
        ("Dataset", record.digests.dataset.to_string()),
        ("Split", record.digests.split.to_string()),
    ]);
    terms.extend(record.digests.weights.map(|weights| ("Weights", weights.to_string())));
    if let (Some(lists), Some(digest)) = (&record.lists, record.digests.lists) {
        let what = format!(
            "{}, {}, {} bytes, {} lists; ties: {}",
            lists.file, lists.form, lists.bytes, lists.lists, lists.ties
        );
        terms.extend([("Lists of another program", escaped(&what)), ("File", digest.to_string())]);
    }
    let reported = record.facts.iter().map(|(name, fact)| (escaped(name), fact_text(fact)));
    let terms = terms.into_iter().map(|(what, is)| (what.to_string(), is)).chain(reported);
    entry(&format!("Seed {}", record.seed), terms)
}

/// Command, machine and digests of a latency record, as HTML.
fn served(record: &LatencyRecord) -> String {
    let mut terms = made_by(&record.command, &record.program, &record.started, &record.machine);
    terms.extend([
        ("Device", format!("{}, batches on {} threads", escaped(&record.device), record.batch.threads)),
        (
            "Requests",
            format!("{} alone, and batches of {} queries in all", record.request.requests, record.batch.queries),
        ),
        ("Run", record.digests.run.to_string()),
        ("Weights", record.digests.weights.to_string()),
    ]);
    entry(&format!("Seed {}, size and speed", record.seed), terms)
}

/// What a method reports, with all its digits, as HTML.
fn fact_text(fact: &Fact) -> String {
    match fact {
        Fact::Number(value) => value.to_string(),
        Fact::Text(text) => format!("<code>{}</code>", escaped(text)),
    }
}

/// What, and how it is, as HTML.
type Terms = Vec<(&'static str, String)>;

fn made_by(command: &str, program: &Program, started: &str, machine: &Machine) -> Terms {
    let commit = program.commit.as_deref().unwrap_or("not known");
    let dirty = if program.dirty == Some(true) { ", with local changes" } else { "" };
    let cpu = machine.cpu.as_deref().unwrap_or("not known");
    let (os, class) = (escaped(&machine.os), escaped(&machine.class));
    vec![
        ("Command", format!("<code>{}</code>", escaped(command))),
        ("Program", format!("{} at {}{dirty}", escaped(&program.version), escaped(commit))),
        ("Begun", escaped(started)),
        ("Machine", format!("{}, {} logical processors, {os} ({class})", escaped(cpu), machine.cores)),
    ]
}

fn entry(heading: &str, terms: impl IntoIterator<Item = (impl Display, String)>) -> String {
    let terms: String = terms.into_iter().map(|(what, is)| format!("<dt>{what}</dt><dd>{is}</dd>")).collect();
    format!("<h4>{heading}</h4><dl>{terms}</dl>\n")
}

/// A table as HTML. The first cell of a row is a link to the runs that the row summarises, if there are any.
fn table(table: &Table, report: Option<&Report>) -> String {
    let runs = |trial: &str| {
        let report = report.filter(|report| !report.ours.runs.trial(trial).is_empty())?;
        Some(anchor(&[&report.basis.spec.id, trial]))
    };
    let class = |index: usize| if table.align[index] == Align::Right { " class=\"n\"" } else { "" };
    let mut text = String::from("<div class=\"wide\"><table>\n<thead><tr>");
    for (index, name) in table.header.iter().enumerate() {
        let _ = write!(text, "<th{}>{}</th>", class(index), inline(name));
    }
    text += "</tr></thead>\n<tbody>\n";
    for (row, trial) in table.rows.iter().zip(&table.trials) {
        text += "<tr>";
        for (index, cell) in row.iter().enumerate() {
            let content = match trial.as_deref().and_then(runs).filter(|_| index == 0) {
                Some(runs) => format!("<a href=\"#{runs}\">{}</a>", inline(cell)),
                None => marked(cell),
            };
            let _ = write!(text, "<td{}>{content}</td>", class(index));
        }
        text += "</tr>\n";
    }
    text + "</tbody>\n</table></div>\n"
}

/// A cell as HTML. One that holds a verdict or an agreement is coloured.
fn marked(cell: &str) -> String {
    let words = Agreement::ALL.iter().map(ToString::to_string).chain(Verdict::ALL.iter().map(ToString::to_string));
    match words.into_iter().find(|word| word == cell) {
        Some(word) => format!("<span class=\"word {}\">{word}</span>", word.replace(' ', "-")),
        None => inline(cell),
    }
}

/// The anchor of a section, of letters, digits, `-` and `.`.
fn anchor(parts: &[&str]) -> String {
    parts.join("--").replace('/', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_colour_and_other_cells_none() {
        assert_eq!(marked("too few seeds"), "<span class=\"word too-few-seeds\">too few seeds</span>");
        assert_eq!(marked("holds"), "<span class=\"word holds\">holds</span>");
        assert_eq!(marked("a < b"), "a &lt; b");
    }
}
