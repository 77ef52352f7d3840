//! A trial whose lists a program of others makes, as it is written.

use std::path::{Component, Path};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::DeValue;

use super::checked::Trainer;
use super::refuse::{not_empty, unique};
use crate::digest::Digest;
use crate::document::{Document, tree};
use crate::error::Result;
use crate::file;
use crate::method::Params;
use crate::program::{ExportFormat, ExternalProgram, Version};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WireProgram {
    /// The command; a program with folders before its name is one of the spec's folder.
    #[schemars(with = "Vec<String>")]
    program: Spanned<Vec<String>>,
    /// Its own files, relative to the spec: what is in them is part of the fingerprint.
    #[schemars(with = "Vec<String>")]
    files: Spanned<Vec<Spanned<String>>>,
    export: ExportFormat,
    version: WireVersion,
    install: String,
    #[schemars(with = "f64")]
    timeout_minutes: Spanned<f64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireVersion {
    #[schemars(with = "Vec<String>")]
    command: Spanned<Vec<String>>,
    #[schemars(with = "String")]
    prints: Spanned<String>,
}

/// What part of the hyper-parameters says nothing of the result.
const NOT_OF_THE_RESULT: [&str; 2] = ["install", "timeout_minutes"];
/// Minutes of the longest timeout: a week.
const LONGEST: f64 = 7.0 * 24.0 * 60.0;

/// Reads the program of a trial; without hyper-parameters its lists are brought. Returns with it what determines its lists, for the
/// fingerprint: its files by their digests.
///
/// # Errors
/// [`Input`](crate::error::Kind::Input): what is wrong, with its place; a file that is not there.
pub(super) fn external(document: &Document<'_>, params: Spanned<DeValue<'_>>) -> Result<(Trainer, Value)> {
    let (json, span) = (tree::json(params.get_ref()), params.span());
    if json.as_object().is_none_or(Map::is_empty) {
        return Ok((Trainer::Brought, json));
    }
    let wire: WireProgram = Params::new(params).read().map_err(|error| document.explain(span, &error))?;
    for (command, what) in [(&wire.program, "program"), (&wire.version.command, "command")] {
        not_empty(document, command, command.get_ref().first().is_none_or(|word| word.trim().is_empty()), what)?;
    }
    let minutes = *wire.timeout_minutes.get_ref();
    if !(minutes > 0.0 && minutes <= LONGEST) {
        return Err(document
            .refuse(wire.timeout_minutes.span(), "no such timeout")
            .expected(format!("more than 0 and at most {LONGEST} minutes"))
            .got(minutes.to_string()));
    }
    let prints = wire.version.prints.get_ref().trim();
    not_empty(document, &wire.version.prints, prints.is_empty(), "version")?;
    if prints.contains(char::is_control) {
        return Err(document
            .refuse(wire.version.prints.span(), "a version is one line")
            .expected("a text such as `torch 2.15.0`")
            .got(format!("`{}`", prints.escape_debug())));
    }
    let folder = document.file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).to_path_buf();
    unique(document, wire.files.get_ref(), "file")?;
    for command in [&wire.program, &wire.version.command] {
        let of_spec = |word: &&String| !Path::new(word).is_absolute() && folder.join(word).is_file();
        let listed =
            |word: &&String| wire.files.get_ref().iter().any(|file| Path::new(file.get_ref()) == Path::new(word));
        if let Some(word) = command.get_ref().iter().filter(of_spec).find(|word| !listed(word)) {
            return Err(document
                .refuse(command.span(), format!("`{word}` stands beside the spec and not in `files`"))
                .expected("in `files` every file of the program, so that a change of it makes other runs")
                .got("a command that names another"));
        }
    }
    let digests = wire.files.get_ref().iter().map(|name| {
        let path = folder.join(name.get_ref());
        if !Path::new(name.get_ref()).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(document
                .refuse(name.span(), "a file of the program lies outside the spec's folder")
                .expected("a path below the spec's folder, such as `train.py`")
                .got(format!("`{}`", name.get_ref()))
                .hint("the spec, its program and its records can then be moved and bundled together"));
        }
        let bytes = file::read(&path).map_err(|error| {
            document
                .refuse(name.span(), "a file of the program cannot be read")
                .expected("a file beside the spec")
                .got(format!("{}: {error}", path.display()))
        })?;
        Ok((name.get_ref().clone(), Digest::of(&bytes)))
    });
    let files = digests.collect::<Result<Vec<_>>>()?;
    let digests = files.iter().map(|(name, digest)| (name.clone(), Value::from(digest.to_string()))).collect();
    let mut of_result = json.as_object().cloned().unwrap_or_default();
    of_result.retain(|key, _| !NOT_OF_THE_RESULT.contains(&&**key));
    of_result.insert("files".into(), Value::Object(digests));
    let program = ExternalProgram {
        command: wire.program.into_inner(),
        folder,
        files,
        export: wire.export,
        version: Version { command: wire.version.command.into_inner(), prints: prints.to_string() },
        install: wire.install,
        timeout: Duration::from_secs_f64(60.0 * minutes),
    };
    Ok((Trainer::Program(program), Value::Object(of_result)))
}
