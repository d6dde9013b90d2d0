//! A table of edits. Each row has one edit and the one finding that it must give.

use kling_audit::{
    AuditLog,
    verify::{Notice, Verdict, Verifier},
};

use super::copy::{Copy, Sheet, brief, printed_hash, rehash, replace, seq, set, value};

/// Index of a line that has neighbours on both sides in its file.
const INNER_LINE: usize = 3;

struct Row {
    case: String,
    edited: Copy,
    expected: (&'static str, String, Option<u64>, Option<u64>),
}

struct Table {
    base: Copy,
    rows: Vec<Row>,
}

impl Table {
    fn new() -> Self {
        Self { base: Copy::large(), rows: Vec::new() }
    }

    /// Number of the entry at [`INNER_LINE`] of a file.
    fn inner(&self, file: usize) -> usize {
        self.base.first(file) + INNER_LINE
    }

    /// Adds a row whose finding is at a line of a file. Both are counted from 0.
    fn at(
        &mut self,
        case: impl Into<String>,
        kind: &'static str,
        (file, line): (usize, usize),
        seq: impl Into<Option<usize>>,
        edit: impl FnOnce(&mut Copy),
    ) {
        let name = self.base.sheets[file].name.clone();
        let seq = seq.into().map(|seq| seq as u64);
        self.push(case.into(), (kind, name, Some(line as u64 + 1), seq), edit);
    }

    /// Adds a row whose finding is that entries are missing before a file.
    fn missing(&mut self, case: impl Into<String>, file: usize, seq: usize, edit: impl FnOnce(&mut Copy)) {
        let name = self.base.sheets[file].name.clone();
        self.push(case.into(), ("missing_file", name, None, Some(seq as u64)), edit);
    }

    fn push(
        &mut self,
        case: String,
        expected: (&'static str, String, Option<u64>, Option<u64>),
        edit: impl FnOnce(&mut Copy),
    ) {
        let mut edited = self.base.clone();
        edit(&mut edited);
        self.rows.push(Row { case, edited, expected });
    }

    /// Fails unless each row gives its finding and no other.
    fn check(self) {
        let mut wrong = Vec::new();
        for Row { case, edited, expected } in self.rows {
            let verification = edited.verify();

            let findings: Vec<_> = verification.findings().iter().map(brief).collect();
            if findings != [expected.clone()] || verification.verdict() != Verdict::Tampered {
                wrong.push(format!("{case}:\n    expected {expected:?}\n    found    {findings:?}\n"));
            }
        }
        assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.concat());
    }
}

#[test]
fn unedited_copies_are_intact() {
    for (copy, files) in [(Copy::large(), 7), (Copy::small(), 3)] {
        let verification = copy.verify();

        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
        assert_eq!(verification.files().len(), files, "{verification}");
        assert_eq!(verification.entries(), copy.entries() as u64);
    }
}

#[test]
fn changed_member_is_one_finding_in_its_line() {
    let mut table = Table::new();
    for file in [0, 1, 3, 5] {
        let at = table.inner(file);
        let place = (file, INNER_LINE);
        let mut changed = |case: &str, seq: usize, edit: &dyn Fn(&mut Vec<u8>)| {
            table.at(format!("{case} in file {file}"), "hash_mismatch", place, seq, |copy| {
                edit(copy.line(at))
            });
        };
        changed("actor", at, &|line| set(line, "actor", "\"eve\""));
        changed("letter of a name", at, &|line| replace(line, "\"number\": ", "\"numbes\": "));
        changed("detail", at, &|line| replace(line, "\"duration\": 5", "\"duration\": 6"));
        changed("case", at, &|line| replace(line, "\"event_type\": \"", "\"event_type\": \"T"));
        changed("sign", at, &|line| replace(line, "\"duration\": 5", "\"duration\": -5"));
        changed("detail recycled", at, &|line| replace(line, "\"duration\": 5", "\"duration\": {}"));
        changed("float for integer", at, &|line| replace(line, "\"duration\": 5", "\"duration\": 5.0"));
        changed("previous hash", at, &|line| set(line, "prev_hash", &format!("\"{}\"", "a1".repeat(32))));
        changed("genesis", at, &|line| set(line, "prev_hash", "\"genesis\""));
        changed("number + 1", at + 1, &|line| set(line, "seq", &(seq(line) + 1).to_string()));
        changed("number - 1", at - 1, &|line| set(line, "seq", &(seq(line) - 1).to_string()));
        changed("number + 7", at + 7, &|line| set(line, "seq", &(seq(line) + 7).to_string()));
        changed("number 0", 0, &|line| set(line, "seq", "0"));
        changed("huge number", 9_000, &|line| set(line, "seq", "9000"));
        changed("number of all bits", usize::MAX, &|line| set(line, "seq", &u64::MAX.to_string()));
        changed("time", at, &|line| {
            let day = value(line, "timestamp")[..11].to_owned();
            set(line, "timestamp", &format!("{day}T05:00:00.000000Z\""));
        });
        changed("day", at, &|line| set(line, "timestamp", "\"2031-01-01T05:00:00.000000Z\""));
        changed("hash", at, &|line| {
            let hash = printed_hash(line);
            let digit = if hash.starts_with('0') { '1' } else { '0' };
            set(line, "hash", &format!("\"{digit}{}\"", &hash[1..]));
        });
        changed("hash of another line", at, &|line| set(line, "hash", &format!("\"{}\"", "5e".repeat(32))));
    }

    table.check();
}

#[test]
fn noncanonical_spelling_is_one_finding_in_its_line() {
    let mut table = Table::new();
    let at = (0..table.base.entries())
        .find(|&at| {
            let line = String::from_utf8_lossy(table.base.clone().line(at)).into_owned();
            line.contains(r"\u001b") && table.base.place(at).1 > 1
        })
        .expect("there is an entry with escapes");
    let place = table.base.place(at);
    let mut spelled = |case: &str, edit: &dyn Fn(&mut Vec<u8>)| {
        table.at(case, "malformed_line", place, None, |copy| edit(copy.line(at)));
        // A valid hash does not make another spelling canonical.
        table.at(format!("{case}, hashed anew"), "malformed_line", place, None, |copy| {
            edit(copy.line(at));
            let whole = copy.line(at).ends_with(b"\"}\n");
            if whole {
                rehash(copy.line(at), 64);
            }
        });
    };
    let swap = |from: &'static str, to: &'static str| move |line: &mut Vec<u8>| replace(line, from, to);
    spelled("space doubled after a colon", &swap("\"duration\": ", "\"duration\":  "));
    spelled("space doubled after a comma", &swap(", \"duration\"", ",  \"duration\""));
    spelled("space left out", &swap("\"duration\": ", "\"duration\":"));
    spelled("space at the start", &swap("{\"actor", " {\"actor"));
    spelled("space within braces", &swap("{\"actor", "{ \"actor"));
    spelled("tab for space", &swap("\"duration\": ", "\"duration\":\t"));
    spelled("carriage return", &swap("\"}\n", "\"}\r\n"));
    spelled("space at the end", &swap("\"}\n", "\"} \n"));
    spelled("escape in upper case", &swap(r"\u001b", r"\u001B"));
    spelled("escape of a letter", &swap("\"duration\"", r#""dur\u0061tion""#));
    spelled("long for short escape", &swap(r#"\"quoted"#, r"\u0022quoted"));
    spelled("escaped slash", &swap("text_to_video", r"text\/video"));
    spelled("bare letter for its escape", &swap(r"\u2028", "\u{2028}"));
    spelled("raw escape character", &swap(r"\u001b", "\u{1b}"));
    spelled("lone surrogate", &swap(r"\u2028", r"\ud800"));
    spelled("float with a zero more", &swap("\"ratio\": 1.0", "\"ratio\": 1.00"));
    spelled("float with an exponent", &swap("\"ratio\": 1.0", "\"ratio\": 1e0"));
    spelled("integer with a leading zero", &swap("\"duration\": 5", "\"duration\": 05"));
    spelled("minus zero", &swap("\"duration\": 5", "\"duration\": -0"));
    spelled("not a number", &swap("\"duration\": 5", "\"duration\": NaN"));
    spelled(
        "too many digits",
        &swap("\"duration\": 5", "\"duration\": 1234567890123456789012345678901234567890"),
    );
    spelled("member twice", &swap("\"duration\": 5", "\"duration\": 5, \"duration\": 5"));
    spelled("top-level member twice", &swap("\"details\": {", "\"details\": {}, \"details\": {"));
    spelled("members in another order", &|line| {
        let number = value(line, "number");
        replace(line, &format!(", \"number\": {number}"), "");
        replace(line, "\"action\": ", &format!("\"number\": {number}, \"action\": "));
    });
    spelled("unknown top-level member", &swap(", \"seq\": ", ", \"reason\": \"none\", \"seq\": "));
    spelled("member missing", &|line| {
        let actor = value(line, "actor");
        replace(line, &format!("\"actor\": {actor}, "), "");
    });
    spelled("actor no string", &|line| set(line, "actor", "null"));
    spelled("details no object", &|line| {
        let text = String::from_utf8(line.clone()).expect("ASCII");
        let from = text.find("{\"action\"").expect("details");
        let to = text.find(", \"event_type\"").expect("a type");
        line.splice(from..to, *b"[]");
    });
    spelled("empty type", &|line| set(line, "event_type", "\"\""));
    spelled("empty context", &swap(", \"details\": {", ", \"context\": {}, \"details\": {"));
    spelled("number as text", &|line| set(line, "seq", "\"7\""));
    spelled("negative number", &|line| set(line, "seq", "-7"));
    spelled("number as float", &|line| set(line, "seq", "7.0"));
    spelled("number beyond 64 bits", &|line| set(line, "seq", "18446744073709551616"));
    spelled("time with an offset", &|line| set(line, "timestamp", "\"2026-11-24T20:00:00.0000+00:00\""));
    spelled("time in milliseconds", &|line| set(line, "timestamp", "\"2026-11-24T20:00:00.000Z\""));
    spelled("no time that there is", &|line| set(line, "timestamp", "\"2026-11-31T20:00:00.000000Z\""));
    spelled("leap second", &|line| set(line, "timestamp", "\"2026-11-24T23:59:60.000000Z\""));
    spelled("byte order mark", &swap("{\"actor", "\u{feff}{\"actor"));
    spelled("two entries on a line", &|line| {
        line.pop();
        line.extend_from_within(..);
        line.push(b'\n');
    });
    let mut odd = |case: &str, edit: &dyn Fn(&mut Vec<u8>)| {
        table.at(case, "malformed_line", place, None, |copy| edit(copy.line(at)));
    };
    odd("invalid UTF-8", &|line| {
        let at = line.windows(4).position(|window| window == b"text").expect("it is there");
        line[at] = 0xff;
    });
    odd("hash in upper case", &|line| set(line, "hash", &format!("\"{}\"", "A1".repeat(32))));
    odd("hash a digit short", &|line| set(line, "hash", &format!("\"{}\"", &"a1".repeat(32)[1..])));
    odd("hash with 16 digits", &|line| rehash(line, 16));
    odd("hash null", &|line| set(line, "hash", "null"));
    odd("previous hash cut", &|line| set(line, "prev_hash", "\"a1\""));
    odd("something after the entry", &|line| replace(line, "\"}\n", "\"} {}\n"));
    odd("empty line", &|line| *line = b"\n".to_vec());
    odd("line of zeros", &|line| *line = [vec![0; 300], b"\n".to_vec()].concat());
    odd("line of noise", &|line| *line = b"\xff\xfe\x80{[\"\\\n".to_vec());
    odd("overlong line", &|line| *line = [vec![b'x'; 70_000], b"\n".to_vec()].concat());

    table.check();
}

#[test]
fn added_or_removed_newline_is_one_finding() {
    let mut table = Table::new();
    for file in 0..table.base.sheets.len() {
        let lines = table.base.sheets[file].lines.len();
        for line in [0, 1, INNER_LINE, lines - 1] {
            if line >= lines {
                continue;
            }
            let at = table.base.first(file) + line;
            let last = at + 1 == table.base.entries();
            for byte in [b' ', 0, b'\r'] {
                if !last {
                    table.at(
                        format!("newline to {byte} after {at}"),
                        "malformed_line",
                        (file, line),
                        None,
                        |copy| {
                            *copy.line(at).last_mut().expect("a newline") = byte;
                        },
                    );
                }
            }
            if !last {
                table.at(
                    format!("newline removed after {at}"),
                    "malformed_line",
                    (file, line),
                    None,
                    |copy| {
                        copy.line(at).pop();
                    },
                );
            }
            table.at(format!("empty line after {at}"), "malformed_line", (file, line + 1), None, |copy| {
                copy.line(at).push(b'\n');
            });
        }
    }
    for at in [0, table.inner(0), table.base.first(2), table.inner(3), table.base.entries() - 1] {
        let (file, line) = table.base.place(at);
        let length = table.base.clone().line(at).len();
        // The first 120 bytes include the start of `details`, whose object begins like an entry. Every byte counts
        // there.
        for byte in (0..120).chain((120..length - 1).step_by(7)) {
            table.at(
                format!("newline before byte {byte} of {at}"),
                "malformed_line",
                (file, line),
                None,
                |copy| {
                    copy.line(at).insert(byte, b'\n');
                },
            );
        }
    }

    table.check();
}

#[test]
fn removed_doubled_or_swapped_line_is_one_finding() {
    let mut table = Table::new();
    let last = table.base.entries() - 1;
    for file in 0..table.base.sheets.len() {
        let lines = table.base.sheets[file].lines.len();
        let first = table.base.first(file);
        for line in 0..lines {
            let at = first + line;
            let case = |case: &str| format!("{case} {at} (file {file})");
            if at < last {
                let removed = move |copy: &mut Copy| drop(copy.take(at));
                if line == 0 && lines > 1 {
                    table.missing(case("removed"), file, at + 1, removed);
                } else if line + 1 == lines {
                    table.missing(case("removed"), file + 1, at + 1, |copy| {
                        copy.take(at);
                        copy.sheets.retain(|sheet| !sheet.lines.is_empty());
                    });
                } else {
                    table.at(case("removed"), "sequence_gap", (file, line), at + 1, removed);
                }
            }
            table.at(case("doubled"), "sequence_gap", (file, line + 1), at, |copy| {
                let twice = copy.line(at).clone();
                copy.sheets[file].lines.insert(line + 1, twice);
            });
        }
    }
    for one in 0..=last {
        for other in one + 1..=last {
            let ((file, line), (other_file, _)) = (table.base.place(one), table.base.place(other));
            if file != other_file && (other - one) % 5 != 0 {
                continue;
            }
            let case = format!("{one} swapped with {other} (files {file}, {other_file})");
            let swap = |copy: &mut Copy| copy.swap(one, other);
            // A swap of the first line of a file is found before the file, where its entries should continue.
            if line == 0 {
                table.missing(case, file, other, swap);
            } else {
                table.at(case, "sequence_gap", (file, line), other, swap);
            }
        }
    }

    table.check();
}

#[test]
fn moved_block_of_lines_is_one_finding() {
    let mut table = Table::new();
    for (from, to) in [(0, 1), (0, 3), (3, 0), (5, 1), (1, 5), (4, 0), (3, 4), (4, 3)] {
        for length in [1, 2] {
            let (start, target) = (table.inner(from) - 1, table.inner(to));
            // The finding is at the gap or at the inserted block, depending on which comes first.
            let found =
                if from < to { ((from, INNER_LINE - 1), start + length) } else { ((to, INNER_LINE), start) };
            let case = format!("{length} from file {from} to {to}");
            table.at(format!("moved {case}"), "sequence_gap", found.0, found.1, |copy| {
                let block: Vec<_> =
                    copy.sheets[from].lines.drain(INNER_LINE - 1..INNER_LINE - 1 + length).collect();
                copy.sheets[to].lines.splice(INNER_LINE..INNER_LINE, block);
            });
            table.at(format!("copied {case}"), "sequence_gap", (to, INNER_LINE), start, |copy| {
                let block = copy.sheets[from].lines[INNER_LINE - 1..INNER_LINE - 1 + length].to_vec();
                copy.sheets[to].lines.splice(INNER_LINE..INNER_LINE, block);
            });
            table.at(format!("{case} over {target}"), "sequence_gap", (to, INNER_LINE), start, |copy| {
                let block = copy.sheets[from].lines[INNER_LINE - 1..INNER_LINE - 1 + length].to_vec();
                copy.sheets[to].lines.splice(INNER_LINE..INNER_LINE + length, block);
            });
        }
    }
    // Within one file.
    for (from, length, to) in [(1, 3, 8), (1, 1, 3), (2, 2, 5), (6, 4, 2), (9, 1, 1), (1, 4, 9)] {
        let (at, found) = if from < to { (from, from + length) } else { (to, from) };
        table.at(format!("{length} from {from} before {to}"), "sequence_gap", (0, at), found, |copy| {
            let lines = &mut copy.sheets[0].lines;
            let block: Vec<_> = lines[from..from + length].to_vec();
            lines.splice(to..to, block);
            let hole = if to < from { from + length } else { from };
            lines.drain(hole..hole + length);
        });
        table.at(format!("{length} from {from} doubled"), "sequence_gap", (0, from + length), from, |copy| {
            let block = copy.sheets[0].lines[from..from + length].to_vec();
            copy.sheets[0].lines.splice(from + length..from + length, block);
        });
    }
    for from in [1, 3, 5] {
        let block = 4.min(table.base.sheets[from].lines.len() - 1);
        let start = table.base.first(from) + 1;
        table.missing(format!("the start of the trail gets lines of file {from}"), 0, start, |copy| {
            let block: Vec<_> = copy.sheets[from].lines.drain(1..=block).collect();
            copy.sheets[0].lines.splice(0..0, block);
        });
        table.at(
            format!("the end of file 0 gets lines of {from}"),
            "sequence_gap",
            (0, table.base.sheets[0].lines.len()),
            start,
            |copy| {
                let block: Vec<_> = copy.sheets[from].lines.drain(1..=block).collect();
                copy.sheets[0].lines.extend(block);
            },
        );
    }
    for cut in 1..4 {
        table.missing(format!("{cut} lines cut from the start"), 0, cut, |copy| {
            copy.sheets[0].lines.drain(..cut);
        });
    }

    table.check();
}

#[test]
fn forged_line_is_one_finding() {
    let mut table = Table::new();
    for file in [0, 1, 3, 5] {
        let at = table.inner(file);
        let case = |case: &str| format!("{case} at {at}");
        let insert = |copy: &mut Copy, edit: &dyn Fn(&mut Vec<u8>)| {
            let mut line = copy.line(at).clone();
            replace(&mut line, "\"duration\": 5", "\"duration\": 10");
            edit(&mut line);
            rehash(&mut line, 64);
            copy.sheets[file].lines.insert(INNER_LINE, line);
        };
        // The forged line follows its predecessor correctly. The finding is at the true line behind it.
        table.at(case("inserted, linked"), "sequence_gap", (file, INNER_LINE + 1), at, |copy| {
            insert(copy, &|_| {})
        });
        table.at(case("inserted, linked to nothing"), "chain_broken", (file, INNER_LINE), at, |copy| {
            insert(copy, &|line| set(line, "prev_hash", &format!("\"{}\"", "a1".repeat(32))));
        });
        table.at(case("inserted, linked, of another day"), "wrong_file", (file, INNER_LINE), at, |copy| {
            insert(copy, &|line| set(line, "timestamp", "\"2031-01-01T05:00:00.000000Z\""));
        });
        table.at(
            case("inserted, linked, of an earlier time"),
            "clock_went_back",
            (file, INNER_LINE),
            at,
            |copy| {
                insert(copy, &|line| {
                    let day = value(line, "timestamp")[..11].to_owned();
                    set(line, "timestamp", &format!("{day}T00:00:00.000000Z\""));
                });
            },
        );
        for number in [0, at - 1, at + 1, at + 5, 9_000] {
            table.at(
                case(&format!("inserted as {number}")),
                "sequence_gap",
                (file, INNER_LINE),
                number,
                |copy| {
                    insert(copy, &|line| set(line, "seq", &number.to_string()));
                },
            );
        }
        let rewrite = |copy: &mut Copy, edit: &dyn Fn(&mut Vec<u8>)| {
            edit(copy.line(at));
            rehash(copy.line(at), 64);
        };
        let micros = |line: &[u8], by: i64| {
            let time = chrono::DateTime::parse_from_rfc3339(value(line, "timestamp").trim_matches('"'));
            let time = time.expect("a time") + chrono::TimeDelta::microseconds(by);
            format!("\"{}\"", time.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
        };
        table.at(case("detail rewritten"), "chain_broken", (file, INNER_LINE + 1), at + 1, |copy| {
            rewrite(copy, &|line| replace(line, "\"duration\": 5", "\"duration\": 10"));
        });
        table.at(case("time rewritten, later"), "chain_broken", (file, INNER_LINE + 1), at + 1, |copy| {
            rewrite(copy, &|line| {
                let later = micros(line, 1);
                set(line, "timestamp", &later);
            });
        });
        table.at(case("time rewritten, earlier"), "clock_went_back", (file, INNER_LINE), at, |copy| {
            rewrite(copy, &|line| {
                let day = value(line, "timestamp")[..11].to_owned();
                set(line, "timestamp", &format!("{day}T00:00:00.000000Z\""));
            });
        });
        table.at(case("day rewritten"), "wrong_file", (file, INNER_LINE), at, |copy| {
            rewrite(copy, &|line| set(line, "timestamp", "\"2031-01-01T05:00:00.000000Z\""));
        });
        table.at(case("previous hash rewritten"), "chain_broken", (file, INNER_LINE), at, |copy| {
            rewrite(copy, &|line| set(line, "prev_hash", &format!("\"{}\"", "a1".repeat(32))));
        });
        for number in [0, at - 1, at + 1, at + 5, 9_000] {
            table.at(
                case(&format!("number rewritten to {number}")),
                "sequence_gap",
                (file, INNER_LINE),
                number,
                |copy| {
                    rewrite(copy, &|line| set(line, "seq", &number.to_string()));
                },
            );
        }
        table.at(
            case("all the rest rewritten, clock back"),
            "clock_went_back",
            (file, INNER_LINE),
            at,
            |copy| {
                let day = value(copy.line(at), "timestamp")[..11].to_owned();
                set(copy.line(at), "timestamp", &format!("{day}T00:00:00.000000Z\""));
                copy.relink(at);
            },
        );
        table.at(
            case("all the rest rewritten, a number left out"),
            "sequence_gap",
            (file, INNER_LINE),
            at + 1,
            |copy| {
                for at in at..copy.entries() {
                    let line = copy.line(at);
                    let number = seq(line) + 1;
                    set(line, "seq", &number.to_string());
                }
                copy.relink(at);
            },
        );
        table.at(case("an hour taken back for good"), "clock_went_back", (file, INNER_LINE), at, |copy| {
            let lines = copy.sheets[file].lines.len();
            for at in at..at + lines - INNER_LINE {
                let line = copy.line(at);
                let day = value(line, "timestamp")[..11].to_owned();
                set(line, "timestamp", &format!("{day}T00:00:00.000000Z\""));
            }
            copy.relink(at);
        });
    }

    table.check();
}

#[test]
fn rewritten_first_entry_is_one_finding() {
    let mut table = Table::new();
    table.at("first entry rewritten", "chain_broken", (0, 1), 1, |copy| {
        set(copy.line(0), "pid", "1");
        rehash(copy.line(0), 64);
    });
    table
        .at("first entry with a short hash", "malformed_line", (0, 0), None, |copy| rehash(copy.line(0), 16));
    table.at("first entry as the Python tool would have it", "malformed_line", (0, 0), None, |copy| {
        replace(copy.line(0), ", \"seq\": 0", "");
    });
    table.at("first entry with a wrong length", "malformed_line", (0, 0), None, |copy| {
        set(copy.line(0), "hash_length", "16");
        rehash(copy.line(0), 64);
    });
    table.missing("first entry links to something", 0, 0, |copy| {
        set(copy.line(0), "prev_hash", &format!("\"{}\"", "a1".repeat(32)));
        rehash(copy.line(0), 64);
    });
    table.missing("trail begins with 1", 0, 1, |copy| {
        for at in 0..copy.entries() {
            let line = copy.line(at);
            let number = seq(line) + 1;
            set(line, "seq", &number.to_string());
        }
        copy.relink(0);
    });

    table.check();
}

#[test]
fn removed_renamed_or_doubled_file_is_one_finding() {
    let mut table = Table::new();
    let files = table.base.sheets.len();
    for file in 0..files - 1 {
        table.missing(format!("file {file} removed"), file + 1, table.base.first(file + 1), |copy| {
            copy.sheets.remove(file);
        });
    }
    for (file, name) in
        [(0, "audit-2026-11-23.jsonl"), (3, "audit-2026-11-24_0007.jsonl"), (5, "audit-2027-01-01.jsonl")]
    {
        let at = table.base.first(file);
        let expected = ("wrong_file", name.to_owned(), Some(1), Some(at as u64));
        table.push(format!("file {file} renamed to {name}"), expected, |copy| {
            copy.sheets[file].name = name.to_owned();
        });
    }
    for (file, name) in [(1, "audit-x.jsonl"), (5, "audit-2026-11-24_2.jsonl")] {
        let at = table.base.first(file);
        let expected = ("wrong_file", name.to_owned(), Some(1), Some(at as u64));
        table.push(format!("file {file} renamed to {name}"), expected, |copy| {
            copy.sheets[file].name = name.to_owned();
        });
    }
    for (file, name) in [
        (0, "audit-2026-11-24_0009.jsonl"),
        (1, "audit-2026-11-24_0009.jsonl"),
        (3, "audit-2026-11-25_0009.jsonl"),
        (3, "audit-2026-11-27.jsonl"),
        (6, "audit-2026-11-26_0009.jsonl"),
    ] {
        let at = table.base.first(file);
        let expected = ("missing_file", name.to_owned(), None, Some(at as u64));
        table.push(format!("file {file} doubled as {name}"), expected, |copy| {
            let lines = copy.sheets[file].lines.clone();
            copy.sheets.push(Sheet { name: name.to_owned(), lines });
        });
    }
    table.at("an unfinished end in an older file", "malformed_line", (1, 4), None, |copy| {
        copy.sheets[1].lines.insert(4, b"{\"actor\": \"al".to_vec());
        copy.sheets[1].lines.truncate(5);
        let rest = copy.sheets[1].lines.split_off(4);
        copy.sheets[1].lines.extend(rest);
    });
    table.at(
        "zeros at the end of an older file",
        "malformed_line",
        (0, table.base.sheets[0].lines.len()),
        None,
        |copy| {
            copy.sheets[0].lines.push(vec![0; 5_000]);
        },
    );

    table.check();
}

#[test]
fn file_names_within_a_day_can_be_swapped() {
    let mut copy = Copy::large();
    let (one, other) = (copy.sheets[0].name.clone(), copy.sheets[1].name.clone());
    copy.sheets[0].name = other;
    copy.sheets[1].name = one;

    let verification = copy.verify();

    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
}

#[test]
fn swapped_files_of_two_days_are_two_findings() {
    let mut copy = Copy::large();
    let (one, other) = (copy.sheets[1].name.clone(), copy.sheets[5].name.clone());
    copy.sheets[1].name = other.clone();
    copy.sheets[5].name = one.clone();

    let verification = copy.verify();

    let expected = [
        ("wrong_file", other, Some(1), Some(copy.first(1) as u64)),
        ("wrong_file", one, Some(1), Some(copy.first(5) as u64)),
    ];
    assert_eq!(verification.findings().iter().map(brief).collect::<Vec<_>>(), expected);
}

#[test]
fn unknown_format_is_unverifiable_and_not_tampered() {
    let base = Copy::large();
    let starts: Vec<usize> = (0..base.entries())
        .filter(|&at| value(base.clone().line(at), "event_type") == "\"audit_started\"")
        .collect();
    assert_eq!(starts.len(), 3);
    for (number, start) in starts.into_iter().enumerate() {
        for format in ["2", "0", "1.0", "\"1\"", "null", "[1]"] {
            for member in ["", ", \"region\": \"eu\"", ", \"zone\": {\"b\": 1, \"a\": [NaN]}"] {
                if member.contains("NaN") && number != 0 {
                    continue;
                }
                let mut copy = base.clone();
                let line = copy.line(start);
                set(line, "format", format);
                replace(line, ", \"prev_hash\"", &format!("{}, \"prev_hash\"", member.replace("NaN", "0")));
                rehash(line, 64);

                let verification = copy.verify();

                let text = verification.to_string();
                assert_eq!(
                    verification.verdict(),
                    Verdict::Unverifiable,
                    "{format}{member} at {start}: {text}"
                );
                assert_eq!(verification.findings_total(), 0, "{text}");
                assert!(verification.basis().contains("format"), "{text}");
            }
        }
    }
}

#[test]
fn format_changed_under_its_hash_is_tampering() {
    for format in ["2", "0", "\"1\""] {
        let mut copy = Copy::large();
        set(copy.line(0), "format", format);

        let verification = copy.verify();

        let expected = ("hash_mismatch", copy.sheets[0].name.clone(), Some(1), Some(0));
        assert_eq!(verification.verdict(), Verdict::Tampered);
        assert_eq!(verification.findings().iter().map(brief).collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn single_file_trusts_its_first_link() {
    let copy = Copy::large();
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    copy.write(&trail);
    for (file, sheet) in copy.sheets.iter().enumerate() {
        let verification = Verifier::new(trail.join(&sheet.name)).run().expect("can be read");

        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
        assert_eq!(verification.entries(), sheet.lines.len() as u64);
        assert!(verification.basis().contains("on trust"), "file {file}: {verification}");
    }
}

#[test]
fn crash_after_a_step_over_midnight_leaves_a_torn_tail() {
    let mut copy = Copy::large();
    copy.sheets.truncate(5);
    copy.sheets[4].lines.truncate(1);
    copy.sheets[4].lines[0].truncate(100);
    let last = copy.first(4) - 1;
    copy.acknowledge(last);
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    copy.write(&trail);

    let verification = Verifier::new(&trail).run().expect("can be read");
    let resumed = AuditLog::open(&trail).and_then(|log| log.close());

    let torn = Notice::TornTail { file: copy.sheets[4].name.clone(), offset: 0, length: 100 };
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    assert!(verification.notices().contains(&torn), "{verification}");
    assert!(resumed.is_ok(), "{resumed:?}");
    assert_eq!(Verifier::new(&trail).run().expect("can be read").verdict(), Verdict::Intact);
}
