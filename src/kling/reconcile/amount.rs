//! Amounts as the vendor spells them, compared as numbers. Its promise: no digit is lost to a floating point number.

/// Digits behind the point that are looked at.
const DIGITS: usize = 12;

/// Whether two texts are the same amount: `2.50` and `2.5` are. What is no amount is the same as itself alone.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one == other || matches!((scaled(one), scaled(other)), (Some(one), Some(other)) if one == other)
}

/// The sum of amounts; `None` where one is none.
pub(super) fn sum<'a>(amounts: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut sum = 0_i128;
    for amount in amounts {
        sum = sum.checked_add(scaled(amount)?)?;
    }
    let unit = 10_i128.pow(DIGITS as u32);
    let sign = if sum < 0 { "-" } else { "" };
    let (whole, rest) = (sum.abs() / unit, sum.abs() % unit);
    let rest = format!("{rest:0DIGITS$}");
    let rest = rest.trim_end_matches('0');
    Some(if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") })
}

fn scaled(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(rest) || rest.len() > DIGITS {
        return None;
    }
    let scaled: i128 = format!("{whole}{rest:0<DIGITS$}").parse().ok()?;
    Some(if negative { -scaled } else { scaled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_compared_as_numbers() {
        for (one, other, same) in [
            ("2.50", "2.5", true),
            ("5", "5.0", true),
            ("0", "0.00", true),
            ("2.5", "2.51", false),
            ("free", "free", true),
            ("free", "0", false),
            ("1e3", "1000", false),
            ("-1", "1", false),
        ] {
            assert_eq!(is_same(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn a_sum_has_all_digits() {
        assert_eq!(sum(["0.1", "0.2"]).as_deref(), Some("0.3"));
        assert_eq!(sum(["2.50", "2.50", "-5"]).as_deref(), Some("0"));
        assert_eq!(sum(["-0.5"]).as_deref(), Some("-0.5"));
        assert_eq!(sum(["1", "much"]), None);
    }
}
