//! Kling's own books as plain data: resource packs, deductions, and the filters for them. Amounts keep Kling's
//! spelling.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::kling::{
    api::{
        filter::Filter,
        json_fields::{either, text},
    },
    error::RequestError,
    requests::validation,
};

/// One of the account's two ledgers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ledger {
    /// Deductions of money.
    Balance,
    /// Deductions of credits from resource packs.
    Packages,
}

impl Ledger {
    pub(crate) fn action(self) -> &'static str {
        match self {
            Ledger::Balance => "balance_deductions",
            Ledger::Packages => "package_deductions",
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Ledger::Balance => "/account/billing/balance",
            Ledger::Packages => "/account/billing/package",
        }
    }
}

/// A resource pack that the account bought.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourcePack {
    /// Kling's id of the pack.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// `decreasing_total` or `constant_period`.
    pub kind: Option<String>,
    /// Credits at the purchase.
    pub total_quantity: Option<String>,
    /// Credits that are left, as of up to 12 hours ago.
    pub remaining_quantity: Option<String>,
    /// Time of the purchase, in milliseconds since 1970.
    pub purchase_time: Option<i64>,
    /// Start of its validity, in milliseconds since 1970.
    pub effective_time: Option<i64>,
    /// End of its validity, in milliseconds since 1970.
    pub invalid_time: Option<i64>,
    /// `toBeOnline`, `online`, `expired`, `runOut`, or another of Kling's words.
    pub status: Option<String>,
}

impl ResourcePack {
    pub(crate) fn read(pack: &Value) -> Option<ResourcePack> {
        Some(ResourcePack {
            id: text(pack, "resource_pack_id")?,
            name: text(pack, "resource_pack_name"),
            kind: text(pack, "resource_pack_type"),
            total_quantity: text(pack, "total_quantity"),
            remaining_quantity: text(pack, "remaining_quantity"),
            purchase_time: pack["purchase_time"].as_i64(),
            effective_time: pack["effective_time"].as_i64(),
            invalid_time: pack["invalid_time"].as_i64(),
            status: text(pack, "status"),
        })
    }
}

/// A deduction from the account for one task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deduction {
    /// Kling's id of the task.
    pub task_id: Option<String>,
    /// Name of the API key that the task was made with.
    pub api_key_name: Option<String>,
    /// Kling's name of the function, such as `Text to Video`.
    pub product_function: Option<String>,
    /// Model.
    pub model_name: Option<String>,
    /// Resolution.
    pub resolution: Option<String>,
    /// Length in seconds.
    pub duration: Option<String>,
    /// Time of the deduction, in milliseconds since 1970.
    pub deduction_time: Option<i64>,
    /// Amount.
    pub amount: Option<String>,
    /// Balance before.
    pub before: Option<String>,
    /// Balance after.
    pub after: Option<String>,
    /// `CNY` or `USD` for cash, `None` for credits.
    pub currency: Option<String>,
    /// Price without a discount, for cash.
    pub list_price: Option<String>,
    /// Resource pack, for credits.
    pub package_id: Option<String>,
    /// `video`, `image` or `try-on`, for credits.
    pub product_type: Option<String>,
}

impl Deduction {
    pub(crate) fn read(detail: &Value) -> Option<Deduction> {
        let first = |names: &[&str]| either(detail, names);
        detail.as_object()?;
        Some(Deduction {
            task_id: text(detail, "task_id"),
            api_key_name: text(detail, "api_key_name"),
            product_function: text(detail, "product_function"),
            model_name: text(detail, "model_name"),
            resolution: text(detail, "resolution"),
            duration: text(detail, "duration"),
            deduction_time: text(detail, "deduction_time").and_then(|time| time.parse().ok()),
            amount: text(detail, "deduction_amount"),
            before: first(&["balance_before_deduction", "unit_before_deduction"]),
            after: first(&["balance_after_deduction", "unit_after_deduction"]),
            currency: text(detail, "currency"),
            list_price: text(detail, "list_price"),
            package_id: text(detail, "package_id"),
            product_type: text(detail, "product_type"),
        })
    }
}

/// Period for which Kling's ledgers and lists are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Start of the period.
    pub start: DateTime<Utc>,
    /// End of the period.
    pub end: DateTime<Utc>,
}

impl Period {
    /// Returns the period of this many days until now.
    pub fn days(days: u32) -> Period {
        let end = Utc::now();
        let start =
            end.checked_sub_signed(TimeDelta::days(i64::from(days))).unwrap_or(DateTime::<Utc>::MIN_UTC);
        Period { start, end }
    }

    pub(crate) fn milliseconds(self) -> (i64, i64) {
        (self.start.timestamp_millis().max(0), self.end.timestamp_millis())
    }
}

/// Filters for deductions.
#[derive(Debug, Clone)]
#[must_use]
pub struct LedgerQuery {
    period: Period,
    filters: Vec<Filter>,
}

impl LedgerQuery {
    /// Selects all deductions of a period.
    pub fn new(period: Period) -> LedgerQuery {
        LedgerQuery { period, filters: Vec::new() }
    }

    /// Selects deductions for tasks that were made with these API keys, by name.
    pub fn api_key_name(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> LedgerQuery {
        self.filters.push(Filter::new("api_key_name", names));
        self
    }

    /// Selects deductions of credits for one of these: `video`, `image` or `try-on`.
    pub fn product_type(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> LedgerQuery {
        self.filters.push(Filter::new("product_type", types));
        self
    }

    /// Selects deductions from these resource packs, by id. Not together with names.
    pub fn package_id(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> LedgerQuery {
        self.filters.push(Filter::new("package_id", ids));
        self
    }

    /// Selects deductions from these resource packs, by name. Not together with ids.
    pub fn package_name(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> LedgerQuery {
        self.filters.push(Filter::new("package_name", names));
        self
    }

    /// Refuses filters that `ledger` does not have.
    pub(crate) fn check(&self, ledger: Ledger) -> Result<(), RequestError> {
        let has = |key| self.filters.iter().any(|filter| filter.key() == key);
        let (name, id) = (("package_name", has("package_name")), ("package_id", has("package_id")));
        if ledger == Ledger::Balance {
            let rule = "must not be set where cash is asked for";
            validation::require(!has("product_type"), "product_type", rule)?;
            validation::require(!name.1, name.0, rule)?;
            validation::require(!id.1, id.0, rule)?;
        }
        validation::exclusive(id, name)
    }

    /// Returns the body of the request for the page at `cursor`.
    pub(crate) fn body(&self, cursor: &str) -> Value {
        let (start, end) = self.period.milliseconds();
        json!({"start_time": start, "end_time": end, "cursor": cursor, "limit": 500, "filters": self.filters})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deductions_of_cash_and_of_credits_have_one_format() {
        let cash = json!({"task_id": "1", "api_key_name": "studio", "deduction_time": "1779549455861",
            "cash_type": "balance", "balance_before_deduction": 13037.3, "deduction_amount": 5.0,
            "balance_after_deduction": 13032.3, "list_price": 5.0, "currency": "USD", "duration": "5.04",
            "refer_video_input": true});
        let units = json!({"task_id": "1", "package_id": "p", "product_type": "video", "deduction_time": 1779549455861_i64,
            "unit_before_deduction": 10, "deduction_amount": "2.50", "unit_after_deduction": 7.5});

        let cash = Deduction::read(&cash).expect("an object");
        let units = Deduction::read(&units).expect("an object");

        assert_eq!((cash.amount.as_deref(), cash.before.as_deref()), (Some("5.0"), Some("13037.3")));
        assert_eq!((units.amount.as_deref(), units.after.as_deref()), (Some("2.50"), Some("7.5")));
        assert_eq!(cash.deduction_time, units.deduction_time);
        assert_eq!((cash.currency.as_deref(), units.currency), (Some("USD"), None));
        assert_eq!(Deduction::read(&json!(7)), None);
    }

    #[test]
    fn a_filter_that_a_ledger_lacks_is_refused() {
        let all = || LedgerQuery::new(Period::days(1));
        for (query, ledger, at_fault) in [
            (all().api_key_name(["studio"]), Ledger::Balance, None),
            (all().product_type(["video"]), Ledger::Balance, Some("product_type")),
            (all().package_id(["7"]), Ledger::Balance, Some("package_id")),
            (all().package_name(["Trial"]), Ledger::Balance, Some("package_name")),
            (
                all().product_type(["video"]).package_name(["Trial"]).api_key_name(["a"]),
                Ledger::Packages,
                None,
            ),
            (all().package_id(["7"]).package_name(["Trial"]), Ledger::Packages, Some("package_name")),
        ] {
            assert_eq!(query.check(ledger).err().map(|error| error.field()), at_fault);
        }
    }
}
