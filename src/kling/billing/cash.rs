//! Amounts of money by currency.

use std::{collections::BTreeMap, fmt};

use rust_decimal::Decimal;

use crate::kling::billing::amount::{spell, sum};

/// Money by currency. An amount without a currency has an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cash(BTreeMap<String, Decimal>);

impl Cash {
    /// Returns the sums of amounts by currency, or `None` if there is none, or a text is no amount.
    pub(crate) fn sum<'a>(amounts: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Option<Cash> {
        let mut by_currency: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (amount, currency) in amounts {
            by_currency.entry(currency.unwrap_or_default()).or_default().push(amount);
        }
        let sums =
            by_currency.into_iter().map(|(currency, amounts)| Some((currency.to_owned(), sum(amounts)?)));
        sums.collect::<Option<BTreeMap<_, _>>>().filter(|sums| !sums.is_empty()).map(Cash)
    }

    /// Returns `true` if both are the same money. Kling's older format has no currency, and then any currency matches.
    pub(crate) fn is_same(&self, other: &Cash) -> bool {
        match (self.single(), other.single()) {
            (Some(one), Some(other_amount)) if self.lacks_currency() || other.lacks_currency() => {
                one == other_amount
            }
            _ => self == other,
        }
    }

    /// Returns the amount, if there is one currency.
    fn single(&self) -> Option<Decimal> {
        self.0.values().next().copied().filter(|_| self.0.len() == 1)
    }

    fn lacks_currency(&self) -> bool {
        self.0.contains_key("")
    }
}

impl fmt::Display for Cash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (currency, amount)) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { " and " };
            let currency = if currency.is_empty() { "in cash" } else { currency };
            write!(f, "{between}{} {currency}", spell(*amount))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cash_is_compared_by_currency_if_both_have_one() {
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
}
