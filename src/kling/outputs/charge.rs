//! Items of a task's cost. Amounts keep Kling's spelling, digit for digit.

use serde::Serialize;
use serde_json::Value;

use crate::kling::api::json_fields::{is_word, items, text};

/// One item of a task's cost, in Kling's words and digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Charge {
    /// `unit` or `cash`.
    pub charge_type: String,
    /// Amount.
    pub amount: String,
    /// Kind of resource pack, for units: `video`, `image` or `audio`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package_type: Option<String>,
    /// Kind of balance, for cash: `balance` or `test_balance`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash_type: Option<String>,
    /// Currency, for cash: `CNY` or `USD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Price without a discount, for cash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_price: Option<String>,
}

impl Charge {
    /// Returns the charges in a task, in either of Kling's two formats.
    pub(crate) fn all(task: &Value) -> Vec<Charge> {
        let word = |value: &Value, name: &str| text(value, name).filter(|word| is_word(word));
        let mut charges = items(task, "billing", |charge| {
            Some(Charge {
                charge_type: word(charge, "charge_type")?,
                amount: word(charge, "amount")?,
                package_type: word(charge, "package_type"),
                cash_type: word(charge, "cash_type"),
                currency: word(charge, "currency"),
                list_price: word(charge, "list_price"),
            })
        });
        if let Some(cash) = task.get("final_balance_deduction")
            && let Some(amount) = word(cash, "quota")
        {
            charges.push(Charge {
                charge_type: "cash".to_owned(),
                amount,
                package_type: None,
                cash_type: Some("balance".to_owned()),
                currency: None,
                list_price: word(cash, "list_price"),
            });
        }
        charges
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_keep_their_digits_in_both_formats() {
        let new = json!({"billing": [
            {"charge_type": "unit", "amount": "2.50", "package_type": "video"},
            {"charge_type": "cash", "cash_type": "balance", "amount": "0.350", "currency": "USD", "list_price": "0.70"},
            {"charge_type": "news"}, 7]});
        let legacy = json!({"final_balance_deduction": {"quota": "1.00", "list_price": "2.00"}});

        let charges = Charge::all(&new);

        assert_eq!(
            (charges.len(), charges[0].amount.as_str(), charges[1].amount.as_str()),
            (2, "2.50", "0.350")
        );
        assert_eq!(Charge::all(&legacy)[0].amount, "1.00");
        assert_eq!(Charge::all(&json!({"final_balance_deduction": null})), []);
    }
}
