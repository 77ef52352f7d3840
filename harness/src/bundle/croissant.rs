//! `croissant.json`: the dataset in the words of MLCommons Croissant 1.0, from its manifest.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::index::BundledFile;
use crate::data::{DataFile, FieldKind, FileLayout, FileSource, Identity, Manifest, Separator};

/// The description of a dataset as JSON-LD. `given`: the files of the bundle, which may have the data.
pub fn croissant(manifest: &Manifest, given: &BTreeMap<String, Vec<u8>>) -> Value {
    let files: Vec<Value> = manifest.files.iter().map(|file| file_object(file, given)).collect();
    let records: Vec<Value> = manifest.files.iter().filter_map(record_set).collect();
    let mut dataset = json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": manifest.id,
        "description": description(manifest),
        "url": manifest.homepage,
        "license": licence(manifest),
        "citeAs": manifest.citation,
        "distribution": files,
    });
    if !records.is_empty() {
        dataset["recordSet"] = records.into();
    }
    dataset
}

fn description(manifest: &Manifest) -> String {
    let mut text = manifest.title.clone();
    if let Some(counts) = &manifest.interactions {
        let parts: Vec<String> = counts.iter().map(|(part, count)| format!("{part}: {count}")).collect();
        text += &format!(". Interactions: {}.", parts.join(", "));
    }
    text
}

fn licence(manifest: &Manifest) -> String {
    format!("{}: {}", manifest.licence.name, manifest.licence.terms)
}

/// A file as it is published: where a server sends it compressed, that is what is described, and so it is where the bundle has it.
fn file_object(file: &DataFile, given: &BTreeMap<String, Vec<u8>>) -> Value {
    let url = file.sources.iter().find_map(|source| match source {
        FileSource::Url { url, gzip, identity } => Some((url.clone(), *gzip, *identity)),
        _ => None,
    });
    let here = file.sources.iter().find_map(|source| match source {
        FileSource::Embedded { path } => {
            let place = format!("data-manifests/{path}");
            let BundledFile { sha256: digest, bytes } = BundledFile::of(given.get(&place)?);
            Some((place, true, Identity::Sha256 { bytes, digest }))
        }
        _ => None,
    });
    let nowhere = url.is_none() && here.is_none();
    let (place, gzip, identity) = here.or(url).unwrap_or((file.name.clone(), false, file.identity));
    let mut object = json!({
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": place,
        "encodingFormat": if gzip || file.gzip { "application/gzip" } else { media_type(&file.layout) },
    });
    if nowhere {
        object["description"] =
            file.instructions.clone().unwrap_or_else(|| "There is no public address of it.".into()).into();
    }
    match identity {
        Identity::Sha256 { bytes, digest } => {
            object["contentSize"] = format!("{bytes} B").into();
            object["sha256"] = digest.to_string().into();
        }
        // Croissant has no field for it.
        Identity::GitBlob(blob) => object["description"] = format!("Git blob {blob}; its SHA-256 is not known").into(),
        Identity::Unknown => {}
    }
    object
}

fn media_type(layout: &FileLayout) -> &'static str {
    match layout {
        FileLayout::Table { separator, .. } | FileLayout::Items { separator, .. } => match separator {
            Separator::Comma => "text/csv",
            Separator::Tab => "text/tab-separated-values",
            _ => "text/plain",
        },
        FileLayout::Lists { .. } => "text/plain",
    }
}

/// The columns of a table whose header names them; other files have no names that Croissant could refer to.
fn record_set(file: &DataFile) -> Option<Value> {
    let (FileLayout::Table { separator, header: Some(header), columns, .. }
    | FileLayout::Items { separator, header: Some(header), columns, .. }) = &file.layout
    else {
        return None;
    };
    let separator = match separator {
        Separator::Comma => ',',
        Separator::Tab => '\t',
        _ => return None,
    };
    let names: Vec<&str> = header.split(separator).map(|name| name.trim_matches('"')).collect();
    if names.len() != columns.len() {
        return None;
    }
    let field = |(kind, name): (&FieldKind, &str)| {
        let data_type = match kind {
            FieldKind::User | FieldKind::Item | FieldKind::Session | FieldKind::Label | FieldKind::Category => {
                "sc:Text"
            }
            FieldKind::Time | FieldKind::Value => "sc:Float",
            FieldKind::IsoTime => "sc:DateTime",
            FieldKind::IsoDate => "sc:Date",
            FieldKind::Skip => return None,
        };
        Some(json!({
            "@type": "cr:Field",
            "@id": format!("{}/{name}", file.name),
            "name": name,
            "dataType": data_type,
            "source": { "fileObject": { "@id": file.name }, "extract": { "column": name } },
        }))
    };
    let fields: Vec<Value> = columns.iter().zip(names).filter_map(field).collect();
    Some(json!({
        "@type": "cr:RecordSet",
        "@id": format!("{}-rows", file.name),
        "name": format!("{}-rows", file.name),
        "field": fields,
    }))
}

/// The context that the specification of Croissant 1.0 demands, word for word.
fn context() -> Value {
    json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "citeAs": "cr:citeAs",
        "column": "cr:column",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "data": { "@id": "cr:data", "@type": "@json" },
        "dataType": { "@id": "cr:dataType", "@type": "@vocab" },
        "dct": "http://purl.org/dc/terms/",
        "equivalentProperty": "cr:equivalentProperty",
        "examples": { "@id": "cr:examples", "@type": "@json" },
        "extract": "cr:extract",
        "field": "cr:field",
        "fileProperty": "cr:fileProperty",
        "fileObject": "cr:fileObject",
        "fileSet": "cr:fileSet",
        "format": "cr:format",
        "includes": "cr:includes",
        "isLiveDataset": "cr:isLiveDataset",
        "jsonPath": "cr:jsonPath",
        "key": "cr:key",
        "md5": "cr:md5",
        "parentField": "cr:parentField",
        "path": "cr:path",
        "recordSet": "cr:recordSet",
        "references": "cr:references",
        "regex": "cr:regex",
        "repeated": "cr:repeated",
        "replace": "cr:replace",
        "samplingRate": "cr:samplingRate",
        "sc": "https://schema.org/",
        "separator": "cr:separator",
        "source": "cr:source",
        "subField": "cr:subField",
        "transform": "cr:transform",
    })
}
