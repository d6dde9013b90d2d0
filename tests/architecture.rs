//! The structure of `src`: folders in one order, no import circles between files, one home for each public type, and
//! the limits that keep the code readable. `src/manual/architecture.md` describes the same structure in words.

#[path = "architecture/prose.rs"]
mod prose;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The folders and files at the root of `src`, from the bottom up. Each uses itself and those before it.
const ORDER: [&str; 13] = [
    "codec",
    "findings",
    "error",
    "format",
    "storage",
    "checkpoint",
    "verify",
    "read",
    "report",
    "write",
    "log",
    "layer",
    "kling",
];

/// The macros that the crate exports.
const MACROS: [&str; 4] = ["audit", "try_audit", "try_audit_async", "audit_span"];

/// Names at the root of `src` that are no part of the order.
const OUTSIDE: [&str; 3] = ["lib", "manual", "bin"];

/// One source file without its tests.
struct Source {
    /// The file's path below `src`.
    path: String,
    /// The file's module, such as `write::commit`.
    module: String,
    /// The code, with comments and string contents blanked out.
    code: String,
}

/// Reads all files of the library. Files that hold nothing but tests are left out.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a source directory") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let path = path.strip_prefix(&root).expect("inside").to_str().expect("UTF-8").to_owned();
            let is_test = path.split('/').any(|part| part == "tests" || part == "tests.rs");
            if path.ends_with(".rs") && !path.starts_with("bin/") && !is_test {
                let text = fs::read_to_string(root.join(&path)).expect("a source file");
                sources.push(Source { module: module_of(&path), code: code_of(&text), path });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn module_of(path: &str) -> String {
    let path = path.trim_end_matches(".rs");
    path.strip_suffix("/mod").unwrap_or(path).replace('/', "::")
}

/// `text` up to `mod tests`, with comments and the contents of strings replaced by spaces.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            raw.find("\"#").map_or(rest.len(), |end| end + 5)
        } else if c == '"' {
            string_end(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find("'").map_or(1, |end| end + 2)
        } else {
            0
        };
        if skipped > 0 {
            code.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    // `mod tests` is the last item of a file. A helper for tests before it stays in the code and is checked like it.
    match code.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => code[..tests].to_owned(),
        None => code,
    }
}

/// The length of the string literal at the start of `text`.
fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The paths that `source` names, from the root of the crate: `["codec", "digest", "Digest"]`.
fn paths(source: &Source) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in source.code.match_indices(start) {
            let before = source.code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$' || c == ':') {
                continue;
            }
            let mut base: Vec<String> = match start {
                "crate::" => Vec::new(),
                _ => source.module.split("::").map(str::to_owned).collect(),
            };
            let mut rest = &source.code[at + start.len()..];
            if start == "super::" {
                base.pop();
                while let Some(further) = rest.strip_prefix("super::") {
                    base.pop();
                    rest = further;
                }
            }
            expand(&base, rest, &mut found);
        }
    }
    found
}

/// Adds the paths of the tree at the start of `text`, below `base`.
fn expand(base: &[String], text: &str, found: &mut Vec<Vec<String>>) {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        for member in members(group) {
            expand(base, member, found);
        }
        return;
    }
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut path = base.to_vec();
    if name != "self" && !name.is_empty() {
        path.push(name.clone());
    }
    match text[name.len()..].strip_prefix("::") {
        Some(rest) if !rest.starts_with('<') => expand(&path, rest, found),
        _ => found.push(path),
    }
}

/// The members of a group in braces: `text` begins behind the opening one.
fn members(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&text[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members.retain(|member| !member.trim().is_empty());
    members
}

/// The module that the longest part of `path` names.
fn target(path: &[String], modules: &BTreeSet<&str>) -> Option<String> {
    (1..=path.len())
        .rev()
        .map(|length| path[..length].join("::"))
        .find(|module| modules.contains(module.as_str()))
}

/// The files that each file imports from, by module.
fn imports(sources: &[Source]) -> BTreeMap<&str, BTreeSet<String>> {
    let modules: BTreeSet<&str> = sources.iter().map(|source| source.module.as_str()).collect();
    sources
        .iter()
        .filter(|source| !OUTSIDE.contains(&source.module.as_str()))
        .map(|source| {
            let mut imported: BTreeSet<String> =
                paths(source).iter().filter_map(|path| target(path, &modules)).collect();
            imported.remove(&source.module);
            (source.module.as_str(), imported)
        })
        .collect()
}

fn folder(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// Folders that have no place in `ORDER`, and imports from a folder above.
fn upward_imports(sources: &[Source]) -> Vec<String> {
    let rank = |folder: &str| ORDER.iter().position(|known| *known == folder);
    let mut wrong = Vec::new();

    for source in sources {
        let own = folder(&source.module);
        if !OUTSIDE.contains(&own) && rank(own).is_none() {
            wrong.push(format!("{} has no place in ORDER", source.path));
        }
    }
    for (module, imported) in imports(sources) {
        for other in imported {
            if rank(folder(&other)) > rank(folder(module)) {
                wrong.push(format!("{module} imports {other}, which is above it"));
            }
        }
    }
    wrong
}

#[test]
fn folders_import_downwards_only() {
    let wrong = upward_imports(&sources());

    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Paths that name a re-export of the root. These are for users: inside the crate, a path names the defining module.
fn root_paths(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| source.module != "lib") {
        for (at, _) in source.code.match_indices("crate::") {
            if source.code[..at].ends_with('$') {
                continue;
            }
            let mut heads = Vec::new();
            expand(&[], &source.code[at + "crate::".len()..], &mut heads);
            for head in heads {
                let first = head.first().map_or("", String::as_str);
                // Exported macros have no other path.
                if !ORDER.contains(&first) && !MACROS.contains(&first) {
                    wrong.push(format!("{}: crate::{}", source.path, head.join("::")));
                }
            }
        }
    }
    wrong
}

#[test]
fn paths_inside_the_crate_name_modules() {
    let wrong = root_paths(&sources());

    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Circles of imports between files.
fn circles(sources: &[Source]) -> Vec<String> {
    let imports = imports(sources);
    let mut done = BTreeSet::new();
    let mut circles = Vec::new();

    for module in imports.keys() {
        search(module, &imports, &mut Vec::new(), &mut done, &mut circles);
    }
    circles
}

#[test]
fn files_import_each_other_without_circles() {
    let circles = circles(&sources());

    assert!(circles.is_empty(), "{circles:#?}");
}

/// A depth-first search from `module`: a path that comes back to one of its own modules is a circle.
fn search(
    module: &str,
    imports: &BTreeMap<&str, BTreeSet<String>>,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
    circles: &mut Vec<String>,
) {
    if let Some(start) = path.iter().position(|earlier| earlier == module) {
        circles.push(format!("{} -> {module}", path[start..].join(" -> ")));
        return;
    }
    if done.contains(module) {
        return;
    }
    path.push(module.to_owned());
    for other in imports.get(module).into_iter().flatten() {
        search(other, imports, path, done, circles);
    }
    path.pop();
    done.insert(module.to_owned());
}

/// The names behind `keyword` at the starts of lines of `code`.
fn defined<'a>(code: &'a str, keyword: &str) -> impl Iterator<Item = &'a str> {
    code.lines().filter_map(move |line| {
        let name = line.strip_prefix(keyword)?;
        Some(name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
    })
}

/// `AuditLog` as `audit_log`.
fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_lowercase());
    }
    text
}

/// `impl`s of public types outside of the file that defines the type. An `impl` that needs a folder above that file may be
/// in a file with the type's name.
fn misplaced_impls(sources: &[Source]) -> Vec<String> {
    let mut homes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources {
        for name in defined(&source.code, "pub struct ").chain(defined(&source.code, "pub enum ")) {
            homes.entry(name).or_default().insert(&source.path);
        }
    }
    let mut wrong = Vec::new();

    for source in sources {
        for line in source.code.lines().filter(|line| line.starts_with("impl")) {
            // `impl<..> Trait<..> for Name<..>` and `impl Name`.
            let of = line.rsplit(" for ").next().unwrap_or(line);
            let of = of
                .strip_prefix("impl")
                .map_or(of, |rest| rest.split_once("> ").map_or(rest, |(_, rest)| rest));
            let name: String =
                of.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // A trait's own file may implement it for types from elsewhere.
            let of_own_trait = line.contains(" for ") && {
                let of = line.split(" for ").next().unwrap_or_default();
                let name = of.rsplit(' ').next().unwrap_or_default();
                let name = name.split('<').next().unwrap_or_default();
                source.code.contains(&format!("trait {name}"))
            };
            // A private type may have the name of a public one elsewhere.
            let defines = ["struct ", "enum ", "pub(crate) struct ", "pub(crate) enum "]
                .iter()
                .any(|keyword| defined(&source.code, keyword).any(|defined| defined == name));
            let is_named_for_it = source.path.ends_with(&format!("/{}.rs", snake_case(&name)));
            let is_elsewhere =
                homes.get(name.as_str()).is_some_and(|homes| !homes.contains(source.path.as_str()));
            if is_elsewhere && !defines && !is_named_for_it && !of_own_trait {
                wrong.push(format!("{}: {line}", source.path));
            }
        }
    }
    wrong
}

#[test]
fn impls_of_public_types_are_in_the_file_of_the_type() {
    let wrong = misplaced_impls(&sources());

    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Each public type has a name of its own, except [`NAMESAKES`].
#[test]
fn public_types_have_names_of_their_own() {
    let sources = sources();
    let mut homes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for source in &sources {
        for keyword in ["pub struct ", "pub enum ", "pub trait "] {
            for name in defined(&source.code, keyword) {
                homes.entry(name).or_default().push(&source.path);
            }
        }
    }
    homes.retain(|name, homes| homes.len() > 1 && !NAMESAKES.contains(name));

    assert!(homes.is_empty(), "{homes:#?}");
}

/// Names that two public types share. A program writes `kling::Error` next to `kling_audit::Error`.
const NAMESAKES: [&str; 1] = ["Error"];

/// Maximum fields of a struct behind a lock. With more, its parts become types with invariants of their own.
const MAX_LOCKED_FIELDS: usize = 12;

#[test]
fn structs_behind_a_lock_have_few_fields() {
    let sources = sources();
    let mut locked: BTreeSet<String> = BTreeSet::new();
    for source in &sources {
        for lock in ["Mutex<", "RwLock<"] {
            for (at, _) in source.code.match_indices(lock) {
                let name =
                    source.code[at + lock.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_');
                locked.insert(name.collect());
            }
        }
    }
    let mut wrong = Vec::new();
    let mut counted = 0;

    for source in &sources {
        for (at, _) in source.code.match_indices("struct ") {
            let rest = &source.code[at + "struct ".len()..];
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let Some(body) = rest.find(['{', ';', '(']).and_then(|open| rest[open..].strip_prefix('{'))
            else {
                continue;
            };
            if !locked.contains(&name) {
                continue;
            }
            counted += 1;
            let fields = members(body).len();
            if fields > MAX_LOCKED_FIELDS {
                wrong.push(format!("{}: {name} has {fields} fields", source.path));
            }
        }
    }

    assert!(counted > 0, "no struct behind a lock was found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_root_of_the_source_stays_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<String> = fs::read_dir(root)
        .expect("src")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.is_file())
        .map(|path| path.display().to_string())
        .collect();

    assert!(files.len() <= 6, "{files:#?}");
}

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), module: module_of(path), code: code_of(text) }
}

#[test]
fn an_upward_import_is_found() {
    let sources = [
        source("storage/lock.rs", "use crate::{format::draft::Draft, write::batch::Batch};"),
        source("format/draft.rs", "//! In prose, `crate::write::batch` is fine."),
        source("write/batch.rs", "use crate::storage::lock::Lock;"),
    ];

    assert_eq!(upward_imports(&sources), ["storage::lock imports write::batch, which is above it"]);
}

#[test]
fn a_circle_of_three_files_is_found() {
    let sources = [
        source("read/mod.rs", "pub(crate) mod a;"),
        source("read/a.rs", "use super::b::B;"),
        source("read/b.rs", "fn b() { crate::read::c::c() }"),
        source("read/c.rs", "use crate::read::{a::{self, A}, b};"),
    ];

    let found = circles(&sources);

    assert!(found.contains(&"read::a -> read::b -> read::c -> read::a".to_owned()), "{found:?}");
}

#[test]
fn a_path_through_the_root_is_found() {
    let sources =
        [source("verify/mod.rs", "use crate::{AuditLog, error::Error};\nfn f() { crate::audit!(\"x\") }")];

    assert_eq!(root_paths(&sources), ["verify/mod.rs: crate::AuditLog"]);
}

#[test]
fn an_impl_in_a_foreign_file_is_found() {
    let sources = [
        source("log/mod.rs", "pub struct AuditLog;\nimpl AuditLog {}"),
        source("layer/audit_log.rs", "impl AuditLog {}"),
        source("log/erase.rs", "impl AuditLog {}\ntrait Own {}\nimpl Own for AuditLog {}"),
    ];

    assert_eq!(misplaced_impls(&sources), ["log/erase.rs: impl AuditLog {}"]);
}
