//! The prose of doc comments, comments and manual pages: openings and words that the contributing guide rules out.
//!
//! The first words of a doc state what the item is or does. Docs that began otherwise, and comments with the words
//! listed here, required a reader to know the code first. `.github/CONTRIBUTING.md` lists both for authors.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Openings of a sentence that does not name its subject.
const OPENINGS: [&str; 13] = [
    "What", "Whether", "Who", "Whoever", "Whom", "Those", "That of", "It", "Until", "Once", "Nobody",
    "Somebody", "Anybody",
];

/// Words that name no actor, or a private name for something that has a common one.
const WORDS: [&str; 9] = [
    "whoever",
    "somebody",
    "nobody",
    "anybody",
    "everybody",
    "the vendor",
    "is told",
    "are told",
    "sees to it",
];

/// Maximum doc lines in a hundred that begin with one of [`OPENINGS`], without opening a paragraph.
const MAX_OPENINGS_PER_HUNDRED_LINES: usize = 1;

/// A line of prose.
struct Line {
    place: String,
    text: String,
    /// The line opens a doc comment, a paragraph or an item of a list.
    opens: bool,
    is_doc: bool,
}

fn files_below(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a directory") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != "data") {
                files_below(&path, extension, into);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            into.push(path);
        }
    }
}

/// The comments of Rust code, without the code in their examples.
fn comments(path: &Path, text: &str, lines: &mut Vec<Line>) {
    let mut before_was_prose = false;
    let mut in_example = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let Some((is_doc, comment)) = ["/// ", "//! ", "///", "//!"]
            .iter()
            .find_map(|mark| Some((true, line.strip_prefix(mark)?)))
            .or_else(|| Some((false, line.strip_prefix("// ")?)))
        else {
            before_was_prose = false;
            in_example = false;
            continue;
        };
        if comment.starts_with("```") {
            in_example = !in_example;
            before_was_prose = false;
            continue;
        }
        if in_example {
            continue;
        }
        push(path, number, comment, is_doc, &mut before_was_prose, lines);
    }
}

/// The text of a page, without its blocks of code.
fn page(path: &Path, text: &str, lines: &mut Vec<Line>) {
    let mut before_was_prose = false;
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            in_code = !in_code;
            before_was_prose = false;
        } else if !in_code {
            push(path, number, line, true, &mut before_was_prose, lines);
        }
    }
}

fn push(
    path: &Path,
    number: usize,
    text: &str,
    is_doc: bool,
    before_was_prose: &mut bool,
    lines: &mut Vec<Line>,
) {
    let item = ["- ", "* ", "1. "].iter().find_map(|mark| text.trim_start().strip_prefix(mark));
    let opens = !*before_was_prose || item.is_some();
    *before_was_prose = !text.trim().is_empty() && !text.starts_with(['#', '|']);
    let text = item.unwrap_or(text).trim().to_owned();
    let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(path);
    let place = format!("{}:{}", path.display(), number + 1);
    lines.push(Line { place, text, opens, is_doc });
}

fn begins_like_an_opening(text: &str) -> bool {
    OPENINGS.iter().any(|opening| {
        text.strip_prefix(opening)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '\''))
    })
}

/// The words of `WORDS` that `text` has, outside of code spans.
fn words(text: &str) -> Vec<&'static str> {
    let plain: String = text.split('`').step_by(2).collect::<Vec<_>>().join(" ").to_lowercase();
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    WORDS
        .iter()
        .copied()
        .filter(|word| {
            plain.match_indices(word).any(|(at, _)| {
                let (before, after) = (&plain[..at], &plain[at + word.len()..]);
                !is_letter(before.chars().next_back()) && !is_letter(after.chars().next())
            })
        })
        .collect()
}

fn lines() -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lines = Vec::new();
    let mut code = Vec::new();
    for folder in ["src", "examples", "benches", "tests"] {
        files_below(&root.join(folder), "rs", &mut code);
    }
    for path in code {
        comments(&path, &fs::read_to_string(&path).expect("UTF-8"), &mut lines);
    }
    let mut pages = vec![root.join("README.md"), root.join("CHANGELOG.md"), root.join("benches/RESULTS.md")];
    files_below(&root.join("src/manual"), "md", &mut pages);
    files_below(&root.join(".github"), "md", &mut pages);
    for path in pages {
        page(&path, &fs::read_to_string(&path).expect("UTF-8"), &mut lines);
    }
    lines
}

#[test]
fn docs_open_with_their_subject() {
    let wrong: Vec<String> = lines()
        .iter()
        .filter(|line| line.is_doc && line.opens && begins_like_an_opening(&line.text))
        .map(|line| format!("{}: {}", line.place, line.text))
        .collect();

    assert!(wrong.is_empty(), "{} docs: {wrong:#?}", wrong.len());
}

#[test]
fn few_lines_begin_with_a_pronoun() {
    let lines: Vec<Line> = lines().into_iter().filter(|line| line.is_doc && !line.text.is_empty()).collect();
    let like: Vec<&Line> = lines.iter().filter(|line| begins_like_an_opening(&line.text)).collect();

    let places: Vec<&str> = like.iter().map(|line| line.place.as_str()).collect();
    assert!(
        like.len() * 100 <= lines.len() * MAX_OPENINGS_PER_HUNDRED_LINES,
        "{} of {}: {places:#?}",
        like.len(),
        lines.len()
    );
}

#[test]
fn comments_name_their_actors() {
    let this = Path::new(file!()).file_name().expect("a name").to_str().expect("UTF-8");
    let wrong: Vec<String> = lines()
        .iter()
        .filter(|line| !line.place.contains(this))
        .flat_map(|line| words(&line.text).into_iter().map(move |word| format!("{}: {word}", line.place)))
        .collect();

    assert!(wrong.is_empty(), "{} lines: {wrong:#?}", wrong.len());
}

#[test]
fn a_doc_without_a_subject_is_found() {
    let mut found = Vec::new();
    let text =
        "/// What of it was cut.\nfn a() {}\n\n/// Returns the length.\n/// It is never 0.\nfn b() {}\n";
    comments(Path::new("x.rs"), text, &mut found);

    let opens: Vec<bool> =
        found.iter().map(|line| line.opens && begins_like_an_opening(&line.text)).collect();
    assert_eq!(opens, [true, false, false]);
    assert!(begins_like_an_opening("It is never 0.") && !begins_like_an_opening("Items are sorted."));
    assert_eq!(words("Whoever is told writes for nobody."), ["whoever", "nobody", "is told"]);
    assert!(words("Returns `nobody`.").is_empty());
}
