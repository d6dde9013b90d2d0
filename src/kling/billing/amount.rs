//! Amounts in Kling's spelling, calculated as decimal numbers without loss of a digit.

use rust_decimal::Decimal;

/// Most decimals of an amount. Kling uses at most three.
const MAX_DECIMALS: u32 = 12;

/// Returns `true` if both texts are the same amount, such as `2.50` and `2.5`. A text that is no amount equals only
/// itself.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    one == other || matches!((parse(one), parse(other)), (Some(one), Some(other)) if one == other)
}

/// Returns the sum of amounts, or `None` if a text is no amount.
pub(crate) fn sum<'a>(amounts: impl IntoIterator<Item = &'a str>) -> Option<Decimal> {
    amounts.into_iter().try_fold(Decimal::ZERO, |sum, amount| {
        let amount = parse(amount)?;
        let scale = sum.scale().max(amount.scale());
        // A sum with too many digits is rounded, and has fewer decimals than its parts.
        sum.checked_add(amount).filter(|sum| sum.scale() == scale)
    })
}

/// Returns `amount` times `times`, or `None` if a text is no amount, or the product has more than 12 decimals.
pub(crate) fn product(amount: &str, times: &str) -> Option<Decimal> {
    let (amount, times) = (parse(amount)?, parse(times)?);
    // A product with too many digits is rounded, and has fewer decimals than its factors have together.
    let product =
        amount.checked_mul(times).filter(|product| product.scale() == amount.scale() + times.scale())?;
    Some(product.normalize()).filter(|product| product.scale() <= MAX_DECIMALS)
}

/// Returns the spelling of entries: without an exponent and without trailing zeros.
pub(crate) fn spell(amount: Decimal) -> String {
    amount.normalize().to_string()
}

/// Returns `true` for a text that is an amount.
pub(crate) fn is_amount(text: &str) -> bool {
    parse(text).is_some()
}

/// Parses digits with at most one sign and one point. The parser of [`Decimal`] alone also accepts `+1`, `.5` and
/// `1_0`.
fn parse(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // Kling was never seen to send more decimals. A longer text is more likely no amount.
    if whole.is_empty() || !is_plain(whole) || !is_plain(decimals) || decimals.len() > MAX_DECIMALS as usize {
        return None;
    }
    Decimal::from_str_exact(text.trim_end_matches('.')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(amount: Option<Decimal>) -> Option<String> {
        amount.map(spell)
    }

    #[test]
    fn only_digits_with_a_sign_and_a_point_are_amounts() {
        for (text, expected) in [
            ("0", true),
            ("5.", true),
            ("-0.5", true),
            ("0.123456789012", true),
            ("0.1234567890123", false),
            ("", false),
            ("-", false),
            (".5", false),
            ("+1", false),
            ("1_000", false),
            ("1e3", false),
            (" 1", false),
        ] {
            assert_eq!(is_amount(text), expected, "{text}");
        }
    }

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
    fn a_product_has_all_digits_or_is_none() {
        assert_eq!(spelled(product("0.8", "15")).as_deref(), Some("12"));
        assert_eq!(spelled(product("1.25", "0.1")).as_deref(), Some("0.125"));
        assert_eq!(spelled(product("-0.5", "3")).as_deref(), Some("-1.5"));
        assert_eq!(product("0.0000001", "0.0000001"), None);
        assert_eq!(product("much", "1"), None);
        assert_eq!(product(&"9".repeat(20), &"9".repeat(20)), None);
    }

    #[test]
    fn a_sum_has_all_digits() {
        assert_eq!(spelled(sum(["0.1", "0.2"])).as_deref(), Some("0.3"));
        assert_eq!(spelled(sum(["2.50", "2.50", "-5"])).as_deref(), Some("0"));
        assert_eq!(spelled(sum(["-0.5"])).as_deref(), Some("-0.5"));
        assert_eq!(sum(["1", "much"]), None);
    }
}
