//! Canonical JSON: the only text that a value has in an entry.
//!
//! Promise: no input makes it panic, recurse without bound, or allocate more than a small multiple of the input. Does
//! not know what an entry, a hash or a file is.
//!
//! | file | owns |
//! |---|---|
//! | `value`, `wtf8`, `float` | a value in memory, its strings and its numbers |
//! | `parse` | text to value |
//! | `serialize`, `map_key`, `serializer_macros` | `Serialize` to value |
//! | `write`, `object_builder` | values to canonical text |
//! | `validate`, `string_bitmap`, `shape_cache` | the check that bytes are canonical text |
//! | `object_reader` | the members of validated text |
//! | `error`, `sanitize` | errors, and text that is safe to print |
//! | `random_value` | random values for tests |

pub(crate) mod error;
pub(crate) mod float;
pub(crate) mod map_key;
pub(crate) mod object_builder;
pub(crate) mod object_reader;
pub(crate) mod parse;
#[cfg(test)]
pub(crate) mod random_value;
pub(crate) mod sanitize;
pub(crate) mod serialize;
mod serializer_macros;
pub(crate) mod shape_cache;
pub(crate) mod string_bitmap;
pub(crate) mod validate;
pub(crate) mod value;
pub(crate) mod write;
pub(crate) mod wtf8;

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use crate::codec::json::{
        parse::{parse, parse_python},
        random_value::Random,
        string_bitmap::StringBitmap,
        validate::{Validator, decode},
        value::Value,
        write,
    };

    fn written(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        value.write(&mut out);
        out
    }

    fn is_canonical(bytes: &[u8]) -> bool {
        let bitmap = StringBitmap::of(bytes);
        let mut validator = Validator::new(bytes, &bitmap);
        validator.value_from(0, 1).is_some_and(|end| validator.ends(end))
    }

    fn samples(seed: u64, count: usize) -> Vec<Value> {
        let mut random = Random::new(seed);
        (0..count)
            .map(|index| match index % 50 {
                0 => {
                    let levels = random.below(129) as usize;
                    random.nested(levels)
                }
                _ => {
                    let levels = random.below(6) as usize;
                    random.value(levels)
                }
            })
            .collect()
    }

    /// Returns the output of the Python `script` for `input`; `None` on a machine without Python.
    fn python(script: &str, input: Vec<u8>) -> Option<Vec<u8>> {
        let mut child = Command::new("python3")
            .args(["-I", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .inspect_err(|error| eprintln!("not compared with CPython: {error}"))
            .ok()?;
        let mut stdin = child.stdin.take().expect("piped");
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("python3 runs");
        writer.join().expect("no panic").expect("python3 reads everything");
        assert!(output.status.success());
        Some(output.stdout)
    }

    fn assert_same_lines(ours: &[u8], theirs: &[u8]) {
        let (mut ours, mut theirs) = (ours.split(|&byte| byte == b'\n'), theirs.split(|&byte| byte == b'\n'));
        loop {
            let (our, their) = (ours.next(), theirs.next());
            assert_eq!(our.map(String::from_utf8_lossy), their.map(String::from_utf8_lossy));
            if our.is_none() {
                return;
            }
        }
    }

    #[test]
    fn written_value_is_canonical_and_parsed_back() {
        for value in samples(10, 5_000) {
            let line = written(&value);

            assert!(is_canonical(&line), "{}", line.escape_ascii());
            assert_eq!(parse(&line, 128).as_ref(), Ok(&value));
            assert_eq!(parse_python(&line, 128).as_ref(), Ok(&value));
        }
    }

    #[test]
    fn changed_byte_is_refused_or_gives_another_value() {
        let mut random = Random::new(11);
        let mut accepted = 0;

        for value in samples(12, 4_000) {
            let line = written(&value);
            for _ in 0..10 {
                let mut changed = line.clone();
                let at = random.below(line.len() as u64) as usize;
                let any = random.bits() as u8;
                let likely = b"0123456789abcdef\"\\{}[],:.eE+-/ unrtb";
                changed[at] = match random.below(4) {
                    0 => any,
                    1 => line[at] ^ 1 << random.below(8),
                    _ => likely[usize::from(any) % likely.len()],
                };
                if changed != line && is_canonical(&changed) {
                    accepted += 1;
                    let other = parse(&changed, 128).expect("canonical text is JSON");

                    assert_ne!(other, value);
                    assert_eq!(written(&other), changed, "{}", changed.escape_ascii());
                }
            }
        }
        assert!(accepted > 1_000, "{accepted}");
    }

    #[test]
    fn inserted_or_removed_byte_is_refused_or_gives_another_value() {
        let mut random = Random::new(13);

        for value in samples(14, 4_000) {
            let mut changed = written(&value);
            let at = random.below(changed.len() as u64) as usize;
            match random.below(2) {
                0 => drop(changed.remove(at)),
                _ => changed.insert(at, b"0123456789abcdef\"\\{}[],:.e+- "[random.below(29) as usize]),
            }
            if is_canonical(&changed) {
                let other = parse(&changed, 128).expect("canonical text is JSON");

                assert_ne!(other, value);
                assert_eq!(written(&other), changed, "{}", changed.escape_ascii());
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_read_without_a_panic() {
        let mut random = Random::new(15);
        let alphabet = b"0123456789\"\\{}[],:.eE+-/ unrtbfNIalsu\x00\x7f\x80\xc3\xa9\xed\xa0\xff";

        for _ in 0..20_000 {
            let length = random.below(24);
            let bytes: Vec<u8> =
                (0..length).map(|_| alphabet[random.below(alphabet.len() as u64) as usize]).collect();

            if let Ok(value) = parse(&bytes, 3) {
                assert!(is_canonical(&written(&value)), "{}", bytes.escape_ascii());
            }
            if let Ok(value) = parse_python(&bytes, 3) {
                assert_eq!(parse_python(&written(&value), 3), Ok(value));
            }
            assert!(!is_canonical(&bytes) || parse(&bytes, 24).is_ok());
            assert!(decode(&bytes).as_bytes().len() <= 3 * bytes.len());
        }
    }

    #[test]
    fn cpython_writes_the_same_text() {
        const SCRIPT: &str = "import json, sys
for line in sys.stdin.buffer:
    print(json.dumps(json.loads(line), sort_keys=True))";
        let mut lines = Vec::new();
        for value in samples(16, 2_500) {
            value.write(&mut lines);
            lines.push(b'\n');
        }

        let Some(theirs) = python(SCRIPT, lines.clone()) else { return };

        assert_same_lines(&lines, &theirs);
    }

    #[test]
    fn cpython_writes_the_same_floats() {
        const SCRIPT: &str = "import struct, sys
for line in sys.stdin:
    print(repr(struct.unpack('>d', bytes.fromhex(line.strip()))[0]))";
        let mut random = Random::new(17);
        let mut floats: Vec<f64> = (0..20_000).map(|_| f64::from_bits(random.bits())).collect();
        floats.retain(|value| value.is_finite());
        floats.extend((0..20_000).map(|_| random.float()));
        // Around powers of two and of ten, neighbours are unevenly spaced, or the layout changes.
        for bits in (0..2047_u64).map(|exponent| exponent << 52) {
            floats.extend([bits.saturating_sub(1), bits, bits + 1].map(f64::from_bits));
        }
        for value in (-323..309).filter_map(|exponent| format!("1e{exponent}").parse::<f64>().ok()) {
            floats.extend([value.next_down(), value, value.next_up()]);
        }
        let mut bits = String::new();
        let mut ours = Vec::new();
        for value in floats {
            writeln!(bits, "{:016x}", value.to_bits()).expect("a string takes everything");
            write::float(&mut ours, value);
            ours.push(b'\n');
        }

        let Some(theirs) = python(SCRIPT, bits.into_bytes()) else { return };

        assert_same_lines(&ours, &theirs);
    }

    #[test]
    fn cpython_reads_the_same_numbers() {
        const SCRIPT: &str = "import json, sys
for line in sys.stdin:
    print(json.dumps(json.loads(line)))";
        let mut random = Random::new(18);
        let mut texts = String::new();
        let mut ours = Vec::new();
        for _ in 0..10_000 {
            let mut text = format!("{}.", random.bits() as i64 >> random.below(64));
            for _ in 0..=random.below(3) {
                text.push_str(&random.bits().to_string());
            }
            if random.below(2) == 0 {
                text.push_str(&format!("E{}", random.below(600) as i64 - 350));
            }
            if let Ok(value) = parse(text.as_bytes(), 1) {
                value.write(&mut ours);
                ours.push(b'\n');
                texts.push_str(&text);
                texts.push('\n');
            }
        }

        let Some(theirs) = python(SCRIPT, texts.into_bytes()) else { return };

        assert_same_lines(&ours, &theirs);
    }

    #[test]
    fn cpython_writes_the_same_lone_surrogates() {
        const SCRIPT: &str = "import json, sys
for line in sys.stdin:
    print(json.dumps(json.loads(line), sort_keys=True))";
        let mut random = Random::new(19);
        let mut lines = String::new();
        let mut ours = Vec::new();
        for _ in 0..2_000 {
            let mut text = || {
                let length = random.below(6);
                (0..length).map(|_| format!("\\u{:04X}", 0xd7f0 + random.below(0x820))).collect::<String>()
            };
            let line =
                format!(r#"{{"a{}": "{}", "b{}": [NaN, Infinity, -Infinity]}}"#, text(), text(), text());
            parse_python(line.as_bytes(), 128).expect("what Python writes").write(&mut ours);
            ours.push(b'\n');
            lines.push_str(&line);
            lines.push('\n');
        }

        let Some(theirs) = python(SCRIPT, lines.into_bytes()) else { return };

        assert_same_lines(&ours, &theirs);
    }
}
