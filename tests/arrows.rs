//! No arrow runs back: rooms of the engine use only what stands before them in the order of `harness/src/lib.rs`, the
//! papers' rooms that of `reproductions/lib.rs`, and no two files use each other, however many stand between them.
//!
//! Reads the sources: `use` lines and paths in code and in macro calls, through re-exports to the file that defines a
//! thing. Code of tests does not count. A method that is called shows no path, so where a type's methods stand in several
//! files, an arrow goes to the one that defines the type.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A file of a crate and the module that it is.
struct Source {
    file: PathBuf,
    /// Names from the crate's root; none for the root itself.
    module: Vec<String>,
    /// What the file makes known under a name, by the path that it gives.
    names: BTreeMap<String, Vec<String>>,
    /// Names that it makes known to others without defining them.
    exports: BTreeSet<String>,
    /// Paths that its code uses, as written.
    used: Vec<Vec<String>>,
    /// Single names that its code uses: arrows where it re-exports them, too.
    single: BTreeSet<String>,
    /// Names in macro calls: a module among them is used, whatever of it the macro names.
    in_macros: BTreeSet<String>,
    /// Modules of this crate of which it takes everything: names that cannot be followed.
    globs: Vec<Vec<String>>,
}

/// The sources of a crate by module.
struct Sources {
    by_module: BTreeMap<Vec<String>, Source>,
}

/// Collects paths; leaves out what is compiled for tests alone.
struct Paths<'s>(&'s mut Source);

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
        let words = list.tokens.to_string();
        let words: Vec<&str> = words.split(|c: char| !c.is_alphanumeric()).collect();
        list.path.is_ident("cfg") && !words.contains(&"not") && (words.contains(&"test") || words.contains(&"doctest"))
    })
}

fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_for_tests(attributes_of(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let exported = !matches!(item.vis, syn::Visibility::Inherited);
        self.add_tree(&item.tree, &mut Vec::new(), exported);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_none() {
            match &names[..] {
                [name] => drop(self.0.single.insert(name.clone())),
                _ => self.0.used.push(names),
            }
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

impl Paths<'_> {
    /// Paths are names with `::` between them.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.add_path(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.add_path(std::mem::take(&mut path));
                    self.add_tokens(group.stream());
                }
                _ => self.add_path(std::mem::take(&mut path)),
            }
        }
        self.add_path(path);
    }

    fn add_path(&mut self, path: Vec<String>) {
        match &path[..] {
            [] => {}
            [name] => drop(self.0.in_macros.insert(name.clone())),
            _ => self.0.used.push(path),
        }
    }

    fn add_tree(&mut self, tree: &syn::UseTree, before: &mut Vec<String>, exported: bool) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_tree(&path.tree, before, exported);
                before.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(tree, before, exported)),
            syn::UseTree::Name(name) => self.add_name(&name.ident, &name.ident, before, exported),
            syn::UseTree::Rename(rename) => self.add_name(&rename.ident, &rename.rename, before, exported),
            syn::UseTree::Glob(_) => self.0.globs.push(before.clone()),
        }
    }

    fn add_name(&mut self, name: &syn::Ident, known_as: &syn::Ident, before: &[String], exported: bool) {
        let mut path = before.to_vec();
        let own = name == "self";
        if !own {
            path.push(name.to_string());
        }
        let known_as = if own { path.last().cloned().unwrap_or_default() } else { known_as.to_string() };
        if exported {
            self.0.exports.insert(known_as.clone());
        } else {
            self.0.used.push(path.clone());
        }
        self.0.names.insert(known_as, path);
    }
}

impl Sources {
    fn read(root: &Path) -> Self {
        let mut by_module = BTreeMap::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let file = entry.unwrap().path();
                let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
                if ["tests", "kit", "target"].contains(&&stem[..]) {
                    continue;
                }
                if file.is_dir() {
                    folders.push(file);
                } else if file.extension().is_some_and(|extension| extension == "rs") {
                    let source = Source::read(root, file);
                    by_module.insert(source.module.clone(), source);
                }
            }
        }
        assert!(by_module.len() > 10, "sources of {}", root.display());
        Self { by_module }
    }

    /// The module whose file defines what `path`, written in `from`, names; none for what is of other crates.
    fn defines(&self, from: &Source, path: &[String]) -> Option<&Source> {
        let (first, mut rest) = path.split_first()?;
        let mut module = match &first[..] {
            "crate" => Vec::new(),
            "self" => from.module.clone(),
            "super" => {
                let mut module = from.module.clone();
                module.pop();
                while let Some((_, further)) = rest.split_first().filter(|(name, _)| *name == "super") {
                    module.pop();
                    rest = further;
                }
                module
            }
            _ => {
                let child = [&from.module[..], std::slice::from_ref(first)].concat();
                if self.by_module.contains_key(&child) {
                    child
                } else {
                    // Known here by a `use` line, as a module or a type of which something is named.
                    let known =
                        from.names.get(first).filter(|known| known[..] != *path && known.first() != Some(first))?;
                    return self.defines(from, &[known, rest].concat());
                }
            }
        };
        loop {
            let source = self.by_module.get(&module)?;
            let Some((name, further)) = rest.split_first() else { return Some(source) };
            let child = [&module[..], std::slice::from_ref(name)].concat();
            if self.by_module.contains_key(&child) {
                (module, rest) = (child, further);
            } else if source.exports.contains(name) {
                return self.defines(source, &[&source.names[name], further].concat());
            } else {
                return Some(source);
            }
        }
    }

    /// Which file uses which others. A module that is only a way through to what it re-exports is not used by that.
    fn arrows(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let mut arrows: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        for source in self.by_module.values() {
            let to = arrows.entry(&source.file).or_default();
            let exported = source.exports.intersection(&source.single).map(|name| &source.names[name]);
            to.extend(source.used.iter().chain(exported).filter_map(|path| {
                let used = self.defines(source, path)?;
                let through = used.file.ends_with("mod.rs") && self.is_module(source, path);
                (used.file != source.file && !through).then_some(&*used.file)
            }));
            let known = source.in_macros.iter().filter_map(|name| source.names.get(name));
            let in_macros = known.filter_map(|path| self.defines(source, path));
            to.extend(in_macros.map(|used| &*used.file).filter(|file| *file != source.file));
        }
        arrows
    }

    /// Whether the path names a module, and nothing in it.
    fn is_module(&self, from: &Source, path: &[String]) -> bool {
        let with = |name: &str| [path, &[name.to_string()]].concat();
        // A name that no module has: it is looked for in the file that `path` ends in.
        match (self.defines(from, path), self.defines(from, &with("\0"))) {
            (Some(used), Some(inner)) => used.file == inner.file && used.module.last() == path.last(),
            _ => false,
        }
    }
}

impl Source {
    fn read(root: &Path, file: PathBuf) -> Self {
        let code = syn::parse_file(&std::fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let inside = file.strip_prefix(root).unwrap().with_extension("");
        let mut module: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if ["mod", "lib", "main"].contains(&&module.last().unwrap()[..]) {
            module.pop();
        }
        let (names, exports, used, globs) = (BTreeMap::new(), BTreeSet::new(), Vec::new(), Vec::new());
        let (single, in_macros) = (BTreeSet::new(), BTreeSet::new());
        let mut source = Self { file, module, names, exports, used, single, in_macros, globs };
        if !is_for_tests(&code.attrs) {
            Paths(&mut source).visit_file(&code);
        }
        source
    }

    /// The room that the file is in: its first folder, or itself.
    fn room(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }
}

/// The rooms in the order that a crate's `lib.rs` gives: what stands in the lines of its block `rooms` before two spaces.
fn order(root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(root.join("lib.rs")).unwrap();
    let block = text.split("//! ```text rooms\n").nth(1).expect("a block of rooms").split("//! ```").next().unwrap();
    let names = block.lines().map(|line| line.trim_start_matches("//! ").split("  ").next().unwrap());
    names.flat_map(|names| names.split(' ').map(String::from)).collect()
}

fn sources(root: &str) -> (PathBuf, Sources) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let sources = Sources::read(&root);
    (root, sources)
}

/// Arrows from a room to a later one, and rooms that the order and the folder do not share.
fn back_arrows(root: &str) -> Vec<String> {
    let (root, sources) = sources(root);
    let order = order(&root);
    let place = |room: &str| order.iter().position(|name| name == room);
    let rooms: BTreeSet<&str> = sources.by_module.values().filter_map(Source::room).collect();
    let nowhere =
        rooms.iter().filter(|room| place(room).is_none()).map(|room| format!("`{room}` has no place in lib.rs"));
    let gone =
        order.iter().filter(|name| !rooms.contains(&name[..])).map(|name| format!("lib.rs has no room `{name}`"));
    let mut wrong: Vec<String> = nowhere.chain(gone).collect();
    let of_file: BTreeMap<&Path, &Source> = sources.by_module.values().map(|source| (&*source.file, source)).collect();
    for source in sources.by_module.values() {
        let of_us = source.globs.iter().filter(|path| sources.defines(source, path).is_some());
        wrong.extend(
            of_us.map(|path| format!("{}: `{}::*` cannot be followed", short(&root, &source.file), path.join("::"))),
        );
    }
    let mut arrows = sources.arrows();
    // What is only passed on is of a room, too.
    for source in sources.by_module.values() {
        let passed_on = source.exports.iter().filter_map(|name| sources.defines(source, &source.names[name]));
        arrows.entry(&source.file).or_default().extend(passed_on.map(|used| &*used.file));
    }
    for (from, to) in arrows {
        for used in to {
            if let (Some(room), Some(other)) = (of_file[from].room(), of_file[used].room())
                && place(room) < place(other)
            {
                wrong.push(format!("{} uses {}, of a later room", short(&root, from), short(&root, used)));
            }
        }
    }
    wrong
}

fn short(root: &Path, file: &Path) -> String {
    file.strip_prefix(root).unwrap().display().to_string()
}

/// Files that use each other: of each that reaches itself, its shortest circle.
fn circles(root: &str) -> Vec<String> {
    let (root, sources) = sources(root);
    let arrows = sources.arrows();
    let mut wrong = Vec::new();
    let mut told: BTreeSet<&Path> = BTreeSet::new();
    for &start in arrows.keys() {
        let mut before: BTreeMap<&Path, &Path> = BTreeMap::new();
        let mut next = std::collections::VecDeque::from([start]);
        while let Some(file) = next.pop_front() {
            for &used in &arrows[file] {
                if before.contains_key(used) {
                    continue;
                }
                before.insert(used, file);
                next.push_back(used);
            }
        }
        if before.contains_key(start) && !told.contains(start) {
            let mut circle = vec![start];
            let mut file = before[start];
            while file != start {
                circle.push(file);
                file = before[file];
            }
            told.extend(&circle);
            circle.push(start);
            circle.reverse();
            wrong.push(format!(
                "a circle: {}",
                circle.into_iter().map(|file| short(&root, file)).collect::<Vec<_>>().join(" → ")
            ));
        }
    }
    wrong
}

fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_of_the_engine_use_earlier_rooms_only() {
    none(back_arrows("harness/src"));
}

#[test]
fn rooms_of_the_papers_use_earlier_rooms_only() {
    none(back_arrows("reproductions"));
}

#[test]
fn no_files_use_each_other() {
    none(["harness/src", "harness/cli", "reproductions"].into_iter().flat_map(circles).collect());
}
