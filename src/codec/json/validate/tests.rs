//! Tests of the validator, against tables and against the parser.

use crate::codec::json::random_value::Random;
use crate::codec::json::validate::*;
use crate::codec::json::write;

fn validate(text: &str) -> Result<(), String> {
    let bitmap = StringBitmap::of(text.as_bytes());
    let mut validator = Validator::new(text.as_bytes(), &bitmap);
    match validator.value_from(0, 1) {
        Some(end) if validator.ends(end) => Ok(()),
        Some(end) => Err(format!("stopped (byte {end})")),
        None => Err(validator.failed().to_string()),
    }
}

#[test]
fn canonical_text_is_accepted() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "7",
        "-7",
        "123456789012345678901234567890123456789",
        "-999999999999999999999999999999999999999",
        "0.0",
        "-0.0",
        "1.0",
        "0.5",
        "0.0001",
        "0.00012",
        "0.00012345678901234567",
        "100000.0",
        "1234567890123456.0",
        "9007199254740992.0",
        "568971736690281.2",
        "1e-05",
        "1.5e-07",
        "1e+16",
        "1e+22",
        "-1.2345678901234568e+17",
        "1.7976931348623157e+308",
        "5e-324",
        r#""""#,
        r#""a/b ~""#,
        r#""\"\\\n\r\t\b\f""#,
        r#""\u0000\u000b\u001f\u007f\u0080\u00e9\u2028\uffff""#,
        r#""\ud83d\ude00\ud800\udc00\udbff\udfff""#,
        "[]",
        "{}",
        "[1, [], {}]",
        r#"{"": 1, "\n": 2, "A": 3, "a": 4, "aa": 5, "\u007f": 6, "\uffff": 7, "\ud800\udc00": 8}"#,
        r#"{"a\"b": 1, "a]": 2}"#,
    ] {
        assert_eq!(validate(text), Ok(()), "{text}");
    }
}

#[test]
fn text_in_another_form_is_refused() {
    for text in [
        "",
        " 1",
        "1 ",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "-Infinity",
        "-",
        "+1",
        "-0",
        "00",
        "01",
        "-01",
        "1.",
        ".5",
        "-.5",
        "1.00",
        "0.10",
        "01.5",
        "00.5",
        "-00.5",
        "1e5",
        "1E+16",
        "1e16",
        "1e+016",
        "1.0e+16",
        "10e+15",
        "1e-5",
        "0.00001",
        "0.00009",
        "1e-04",
        "10000000000000000.0",
        "12345678901234567.0",
        "568971736690281.25",
        "0.30000000000000000",
        "9007199254740993.0",
        "1e400",
        "1e+400",
        "1e-400",
        "4e-324",
        "0e+00",
        "0.0e+00",
        "1.5.5",
        "1.5e",
        "1.5e+",
        "1.5-",
        "1e+16+",
        "1-1",
        "1234567890123456789012345678901234567890",
        "0.1000000000000000055511151231257827",
        "'a'",
        "\"",
        "\"a",
        "\"\\",
        "\"\\u",
        "\"\\u00",
        "\"\\ud800\\u",
        "\"a\nb\"",
        "\"\t\"",
        "\"\u{7f}\"",
        "\"é\"",
        r#""\/""#,
        r#""\u0041""#,
        r#""\u0022""#,
        r#""\u005c""#,
        r#""\u002f""#,
        r#""\u000a""#,
        r#""\u0008""#,
        r#""\u0009""#,
        r#""\u000c""#,
        r#""\u000d""#,
        r#""\u007e""#,
        r#""\u00E9""#,
        r#""\U00e9""#,
        r#""\u+0e9""#,
        r#""\ud800""#,
        r#""\ud800a""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\ud800\u0041""#,
        r#""\udc00\ud800""#,
        r#""\uD83D\uDE00""#,
        "[",
        "[1",
        "[1,",
        "[1,2]",
        "[1 ,2]",
        "[1,  2]",
        "[ 1]",
        "[1 ]",
        "[ ]",
        "[1, ]",
        "[,]",
        "[1}",
        "]",
        "{",
        "{ }",
        "{\"a\"}",
        "{\"a\":1}",
        "{\"a\" : 1}",
        "{\"a\":  1}",
        "{\"a\": }",
        "{\"a\": 1",
        "{a: 1}",
        "{1: 1}",
        "{\"a\": 1,\"b\": 2}",
        "{\"a\": 1, }",
        "{\"a\": 1]",
        "{, }",
        r#"{"b": 1, "a": 2}"#,
        r#"{"a": 1, "a": 2}"#,
        r#"{"aa": 1, "a": 2}"#,
        r#"{"a": 1, "": 2}"#,
        r#"{"\ud800\udc00": 1, "\uffff": 2}"#,
        r#"{"\u00e9": 1, "\u00e9": 2}"#,
        r#"{"a": 1, "\n": 2}"#,
        r#"{"a]": 1, "a\"b": 2}"#,
        r#"{"\\": 1, "A": 2}"#,
    ] {
        assert!(validate(text).is_err(), "{text}");
    }
}

#[test]
fn fault_has_its_place_and_the_expected_text() {
    let table = [
        (r#"{"b": 1, "a": 2}"#, "expected a name that sorts after the one before it (byte 9)"),
        ("[1,2]", "expected ,  (byte 2)"),
        (r#"["\/"]"#, "expected a canonical escape (byte 2)"),
        ("[\"a\u{1b}\"]", "expected printable ASCII (byte 3)"),
        ("\"abc", "expected the end of a string (byte 4)"),
        ("[-0]", "expected an integer in plain digits (byte 1)"),
        ("[1e5]", "expected the shortest spelling of a number (byte 1)"),
    ];

    for (text, expected) in table {
        assert_eq!(validate(text), Err(expected.to_owned()));
    }
}

#[test]
fn nesting_is_limited() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);

    assert_eq!(validate(&nested(128)), Ok(()));
    assert_eq!(validate(&nested(129)), Err("expected at most 128 levels (byte 128)".to_owned()));
    assert!(validate(&"[".repeat(100_000)).is_err());
    assert!(validate(&r#"{"a": "#.repeat(100_000)).is_err());
    for (text, level, fits) in
        [("{}", 128, true), ("{}", 129, false), ("1", 129, true), ("[]", usize::MAX, false)]
    {
        let bitmap = StringBitmap::of(text.as_bytes());

        assert_eq!(Validator::new(text.as_bytes(), &bitmap).value_from(0, level).is_some(), fits, "{text}");
    }
}

#[test]
fn entry_is_validated_step_by_step() {
    let line = br#"{"actor": "al\u00e9", "details": {"a": [1]}, "seq": 7}"#;
    let longer = [&line[..], b"\n\"\"\"\n"].concat();
    let bitmap = StringBitmap::of(&longer);
    let mut text = Validator::new(line, &bitmap);

    let actor = text.literal(0, r#"{"actor": "#).expect("it begins so");
    let end = text.quoted(actor).expect("a string");
    assert_eq!(decode(&line[actor + 1..end.at]), Text::from("alé"));
    let details = text.literal(end.at + 1, r#", "details": "#).expect("it goes on so");
    let end = text.value_from(details, 2).expect("a value");
    assert_eq!(&line[end..], br#", "seq": 7}"#);
    assert_eq!(text.literal(end, "}"), None);
    assert_eq!(text.failed(), Malformed { at: end, what: "}" });
    assert!(text.ends(line.len()) && !text.ends(end));
}

#[test]
fn decoded_string_is_the_written_one() {
    let mut random = Random::new(5);

    for _ in 0..2_000 {
        let text = random.text();
        let mut line = Vec::new();
        write::text(&mut line, &text);

        let bitmap = StringBitmap::of(&line);
        let end = Validator::new(&line, &bitmap).quoted(0).expect("a canonical string");

        assert_eq!(decode(&line[1..end.at]), text);
    }
}

#[test]
fn invalid_bytes_decode_without_a_panic() {
    for raw in
        [&b"\\"[..], b"\\u", b"\\ud800", b"\\ud800\\u12", b"\\x", b"\xff\\", b"\xc3\xa9\\n", b"\\uD800"]
    {
        assert!(decode(raw).as_bytes().len() <= 3 * raw.len());
    }
}

#[test]
fn digit_run_ends_at_the_first_other_byte() {
    for byte in 0..=u8::MAX {
        for at in 0..12 {
            for length in [at + 1, 12] {
                let mut digits = *b"012345678901";
                digits[at] = byte;
                let digits = &digits[..length];

                let expected = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();

                assert_eq!(digit_run(digits), expected, "{byte:#x} at {at} of {length}");
            }
        }
    }
}

#[test]
fn short_integers_agree_with_all_integers() {
    let mut random = Random::new(7);
    let mut short = 0;
    for _ in 0..50_000 {
        let length = random.below(12);
        let alphabet = b"0123456789012345678901234567890123456789-.e, }x";
        let mut line: Vec<u8> =
            (0..length).map(|_| alphabet[random.below(alphabet.len() as u64) as usize]).collect();
        line.extend_from_slice(b", \"timestamp\"");
        let bitmap = StringBitmap::of(&line);
        let mut text = Validator::new(&line, &bitmap);

        if let Some((end, value)) = text.short_unsigned(0) {
            short += 1;
            assert_eq!(text.value_from(0, 1), Some(end), "{}", line.escape_ascii());
            assert_eq!(unsigned(&line[..end]), Some(value), "{}", line.escape_ascii());
        }
        assert_eq!(text.scalar(0), text.number(0), "{}", line.escape_ascii());
    }
    assert!(short > 10_000, "{short}");
}

#[test]
fn short_decimals_agree_with_parsing() {
    let mut random = Random::new(6);
    let mut short = 0;

    for _ in 0..100_000 {
        let mut digits = |most: u64, alphabet: &[u8]| {
            let count = random.below(most);
            (0..count)
                .map(|_| char::from(alphabet[random.below(alphabet.len() as u64) as usize]))
                .collect::<String>()
        };
        let whole = digits(12, b"0123456789");
        let zeros = digits(6, b"0");
        let fraction = digits(9, b"0123456789");
        let text = match fraction.len() % 3 {
            0 => format!("0.{zeros}{fraction}"),
            1 => format!("{whole}.{zeros}{fraction}"),
            _ => format!("{whole}{zeros}.{fraction}"),
        };

        if is_short_decimal(text.as_bytes(), digit_run(text.as_bytes())) {
            short += 1;
            let bitmap = StringBitmap::of(text.as_bytes());
            let end = Validator::new(text.as_bytes(), &bitmap).float(0);
            assert_eq!(end, Some(text.len()), "{text}");
        }
    }
    assert!(short > 10_000, "{short}");
}
