//! Amounts as the vendor spells them, compared as numbers. Its promise: no digit is lost to a floating point number.

use std::{collections::BTreeMap, fmt};

/// Money that was taken, by currency, where it is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cash(BTreeMap<String, String>);

impl Cash {
    /// The sums of amounts with their currencies; `None` where there is none, or one of them is no amount.
    pub(crate) fn sum<'a>(amounts: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Option<Cash> {
        let mut by_currency: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (amount, currency) in amounts {
            by_currency.entry(currency.unwrap_or_default()).or_default().push(amount);
        }
        let sums =
            by_currency.into_iter().map(|(currency, amounts)| Some((currency.to_owned(), sum(amounts)?)));
        sums.collect::<Option<BTreeMap<_, _>>>().filter(|sums| !sums.is_empty()).map(Cash)
    }

    /// Whether both are the same money. An older shape of the vendor's says no currency, and then any is right.
    pub(crate) fn is_same(&self, other: &Cash) -> bool {
        if let (Some(one), Some(other)) = (self.unnamed(), other.single()) {
            return is_same(one, other);
        }
        if let (Some(one), Some(other)) = (self.single(), other.unnamed()) {
            return is_same(one, other);
        }
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(one, other)| one.0 == other.0 && is_same(one.1, other.1))
    }

    fn single(&self) -> Option<&str> {
        self.0.values().next().filter(|_| self.0.len() == 1).map(String::as_str)
    }

    fn unnamed(&self) -> Option<&str> {
        self.single().filter(|_| self.0.contains_key(""))
    }
}

impl fmt::Display for Cash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (currency, amount)) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { " and " };
            write!(f, "{between}{amount} {}", if currency.is_empty() { "in cash" } else { currency })?;
        }
        Ok(())
    }
}

/// Digits behind the point that are looked at.
const DIGITS: usize = 12;
const UNIT: i128 = 10_i128.pow(DIGITS as u32);

/// Whether two texts are the same amount: `2.50` and `2.5` are. What is no amount is the same as itself alone.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    one == other || matches!((scaled(one), scaled(other)), (Some(one), Some(other)) if one == other)
}

/// The sum of amounts; `None` where one is none.
pub(crate) fn sum<'a>(amounts: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut sum = 0_i128;
    for amount in amounts {
        sum = sum.checked_add(scaled(amount)?)?;
    }
    Some(shown(sum))
}

/// One amount so many times; `None` where one of them is none, or the product has more digits than are looked at.
pub(crate) fn product(amount: &str, times: &str) -> Option<String> {
    let product = scaled(amount)?.checked_mul(scaled(times)?)?;
    (product % UNIT == 0).then(|| shown(product / UNIT))
}

/// Whether a text is an amount.
pub(crate) fn is_amount(text: &str) -> bool {
    scaled(text).is_some()
}

fn shown(scaled: i128) -> String {
    let sign = if scaled < 0 { "-" } else { "" };
    let (whole, rest) =
        (scaled.unsigned_abs() / UNIT.unsigned_abs(), scaled.unsigned_abs() % UNIT.unsigned_abs());
    let rest = format!("{rest:0DIGITS$}");
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
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
    fn cash_is_compared_by_currency_where_both_name_it() {
        let cash = |amounts: &[(&'static str, Option<&'static str>)]| Cash::sum(amounts.iter().copied());
        let (usd, cny) = (Some("USD"), Some("CNY"));

        for (one, other, same) in [
            (vec![("0.35", usd)], vec![("0.350", usd)], true),
            (vec![("0.35", usd)], vec![("0.35", cny)], false),
            (vec![("0.35", None)], vec![("0.35", cny)], true),
            (vec![("0.35", cny)], vec![("0.2", None), ("0.15", None)], true),
            (vec![("1", usd), ("2", cny)], vec![("2", cny), ("1", usd)], true),
            (vec![("1", usd), ("2", cny)], vec![("3", None)], false),
        ] {
            let (one, other) = (cash(&one).expect("amounts"), cash(&other).expect("amounts"));
            assert_eq!((one.is_same(&other), other.is_same(&one)), (same, same), "{one}, {other}");
        }
        assert_eq!((cash(&[]), cash(&[("much", usd)])), (None, None));
        assert_eq!(cash(&[("1", usd), ("2", None)]).expect("amounts").to_string(), "2 in cash and 1 USD");
    }

    #[test]
    fn a_product_has_all_digits_or_is_none() {
        assert_eq!(product("0.8", "15").as_deref(), Some("12"));
        assert_eq!(product("1.25", "0.1").as_deref(), Some("0.125"));
        assert_eq!(product("-0.5", "3").as_deref(), Some("-1.5"));
        assert_eq!(product("0.0000001", "0.0000001"), None);
        assert_eq!(product("much", "1"), None);
        assert_eq!(product(&"9".repeat(20), &"9".repeat(20)), None);
    }

    #[test]
    fn a_sum_has_all_digits() {
        assert_eq!(sum(["0.1", "0.2"]).as_deref(), Some("0.3"));
        assert_eq!(sum(["2.50", "2.50", "-5"]).as_deref(), Some("0"));
        assert_eq!(sum(["-0.5"]).as_deref(), Some("-0.5"));
        assert_eq!(sum(["1", "much"]), None);
    }
}
