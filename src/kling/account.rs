//! What the account has, and what was taken from it: the vendor's own books. Its promise: amounts are the vendor's own
//! text. It changes nothing, and each request is an entry.

use chrono::{DateTime, Utc};
use futures_util::Stream;
use serde_json::{Value, json};

use super::{
    client::Client,
    envelope::text,
    error::Error,
    exchange::{Call, segment},
    listing::{Cursor, Filter, about, pages},
    output::items,
    request::RequestError,
    rules,
    screen::Screen,
};

/// The books of cash.
const BALANCE: &str = "/account/billing/balance";

/// A pack of units that the account bought.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourcePack {
    /// The vendor's id of the pack.
    pub id: String,
    /// What it is called.
    pub name: Option<String>,
    /// `decreasing_total` or `constant_period`.
    pub kind: Option<String>,
    /// How many units it had.
    pub total_quantity: Option<String>,
    /// How many are left, as of up to 12 hours ago.
    pub remaining_quantity: Option<String>,
    /// When it was bought, in milliseconds since 1970.
    pub purchase_time: Option<i64>,
    /// From when on it is good.
    pub effective_time: Option<i64>,
    /// Until when it is good.
    pub invalid_time: Option<i64>,
    /// `toBeOnline`, `online`, `expired`, `runOut`, or another of the vendor's words.
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

/// What was taken from the account for one task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deduction {
    /// The task that it was taken for.
    pub task_id: Option<String>,
    /// The name of the API key that the task was made with.
    pub api_key_name: Option<String>,
    /// What was made, in the vendor's words.
    pub product_function: Option<String>,
    /// With which model.
    pub model_name: Option<String>,
    /// How fine.
    pub resolution: Option<String>,
    /// How long, in seconds.
    pub duration: Option<String>,
    /// When it was taken, in milliseconds since 1970.
    pub deduction_time: Option<i64>,
    /// How much.
    pub amount: Option<String>,
    /// How much there was before.
    pub before: Option<String>,
    /// How much there was after.
    pub after: Option<String>,
    /// Of cash: `CNY` or `USD`; `None` of units.
    pub currency: Option<String>,
    /// Of cash: what it would have cost without a discount.
    pub list_price: Option<String>,
    /// Of units: the pack that they were taken from.
    pub package_id: Option<String>,
    /// Of units: `video`, `image` or `try-on`.
    pub product_type: Option<String>,
}

impl Deduction {
    pub(crate) fn read(detail: &Value) -> Option<Deduction> {
        let first = |names: &[&str]| names.iter().find_map(|name| text(detail, name));
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

/// A time from which and one until which the vendor's books are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// From then on.
    pub start: DateTime<Utc>,
    /// Until then.
    pub end: DateTime<Utc>,
}

impl Period {
    /// The last so many days.
    pub fn days(days: u32) -> Period {
        let end = Utc::now();
        let start = end
            .checked_sub_signed(chrono::TimeDelta::days(i64::from(days)))
            .unwrap_or(DateTime::<Utc>::MIN_UTC);
        Period { start, end }
    }

    pub(crate) fn milliseconds(self) -> (i64, i64) {
        (self.start.timestamp_millis().max(0), self.end.timestamp_millis())
    }
}

/// Which deductions are listed.
#[derive(Debug, Clone)]
#[must_use]
pub struct LedgerQuery {
    period: Period,
    filters: Vec<Filter>,
}

impl LedgerQuery {
    /// All of a period.
    pub fn new(period: Period) -> LedgerQuery {
        LedgerQuery { period, filters: Vec::new() }
    }

    /// Those for tasks that were made with these API keys, by their names.
    pub fn api_key_name(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> LedgerQuery {
        self.filters.push(Filter::new("api_key_name", names));
        self
    }

    /// Of units: those of `video`, `image` or `try-on`.
    pub fn product_type(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> LedgerQuery {
        self.filters.push(Filter::new("product_type", types));
        self
    }

    /// Of units: those from these packs, by id. Not together with their names.
    pub fn package_id(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> LedgerQuery {
        self.filters.push(Filter::new("package_id", ids));
        self
    }

    /// Of units: those from these packs, by name. Not together with their ids.
    pub fn package_name(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> LedgerQuery {
        self.filters.push(Filter::new("package_name", names));
        self
    }

    /// What the books at `path` can be asked for.
    fn check(&self, path: &str) -> Result<(), RequestError> {
        let has = |key| self.filters.iter().any(|filter| filter.key() == key);
        let (name, id) = (("package_name", has("package_name")), ("package_id", has("package_id")));
        if path == BALANCE {
            let rule = "must not be set where cash is asked for";
            rules::require(!has("product_type"), "product_type", rule)?;
            rules::require(!name.1, name.0, rule)?;
            rules::require(!id.1, id.0, rule)?;
        }
        rules::exclusive(id, name)
    }
}

impl Client {
    /// The packs that the account bought. The vendor asks to be asked once a second at most, and is up to 12 hours
    /// behind.
    ///
    /// # Errors
    ///
    /// As [`Client::query`].
    pub async fn costs(&self, period: Period) -> Result<Vec<ResourcePack>, Error> {
        self.packs(period, None).await
    }

    /// As [`Client::costs`], of the packs of this name alone.
    ///
    /// # Errors
    ///
    /// As [`Client::query`], and [`Error::Request`] for a blank name.
    pub async fn costs_of(&self, pack_name: &str, period: Period) -> Result<Vec<ResourcePack>, Error> {
        rules::words([("resource_pack_name", Some(pack_name))])?;
        self.packs(period, Some(pack_name)).await
    }

    async fn packs(&self, period: Period, name: Option<&str>) -> Result<Vec<ResourcePack>, Error> {
        const PATH: &str = "/account/costs";
        let (start, end) = period.milliseconds();
        let screen = self.screened(&Screen::default());
        let mut path = format!("{PATH}?start_time={start}&end_time={end}");
        if let Some(name) = name {
            path.push_str("&resource_pack_name=");
            path.push_str(&segment(name));
        }
        let subject = about("account_costs");
        let data = self.read(subject, &Call::get(path, PATH, "account", &screen)).await?;
        // An envelope in the envelope.
        if let Some(code) = data["code"].as_i64().filter(|code| *code != 0) {
            return Err(Error::Refused {
                action: subject.action,
                http: 200,
                code: Some(code),
                message: screen.pass(data["msg"].as_str().unwrap_or_default()),
                request_id: None,
            });
        }
        Ok(items(&data, "resource_pack_subscribe_infos", ResourcePack::read))
    }

    /// What was taken from the account's cash.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error: as [`Client::query`], and [`Error::Request`] for a filter of units.
    pub fn balance_deductions(
        &self,
        query: LedgerQuery,
    ) -> impl Stream<Item = Result<Deduction, Error>> + Send + 'static {
        self.deductions("balance_deductions", BALANCE, query)
    }

    /// What was taken from the account's packs.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error: as [`Client::query`], and [`Error::Request`] for packs by id and by name at
    /// once.
    pub fn package_deductions(
        &self,
        query: LedgerQuery,
    ) -> impl Stream<Item = Result<Deduction, Error>> + Send + 'static {
        self.deductions("package_deductions", "/account/billing/package", query)
    }

    fn deductions(
        &self,
        action: &'static str,
        path: &'static str,
        query: LedgerQuery,
    ) -> impl Stream<Item = Result<Deduction, Error>> + Send + 'static {
        let client = self.clone();
        pages(Cursor::default(), move |cursor| {
            let (client, query) = (client.clone(), query.clone());
            async move {
                query.check(path)?;
                let screen = client.screened(&Screen::default());
                let (start, end) = query.period.milliseconds();
                let body = json!({"start_time": start, "end_time": end, "cursor": cursor.at(), "limit": 500,
                    "filters": query.filters});
                let body = body.to_string();
                let call = Call::ask(path, body.as_bytes(), "account", &screen);
                let data = client.read(about(action), &call).await?;
                Ok((items(&data["result"], "detail", Deduction::read), cursor.next(action, &data)?))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deductions_of_cash_and_of_units_are_read_alike() {
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
    fn a_filter_that_the_books_do_not_have_is_named() {
        const UNITS: &str = "/account/billing/package";
        let all = || LedgerQuery::new(Period::days(1));
        for (query, path, at_fault) in [
            (all().api_key_name(["studio"]), BALANCE, None),
            (all().product_type(["video"]), BALANCE, Some("product_type")),
            (all().package_id(["7"]), BALANCE, Some("package_id")),
            (all().package_name(["Trial"]), BALANCE, Some("package_name")),
            (all().product_type(["video"]).package_name(["Trial"]).api_key_name(["a"]), UNITS, None),
            (all().package_id(["7"]).package_name(["Trial"]), UNITS, Some("package_name")),
        ] {
            assert_eq!(query.check(path).err().map(|error| error.field()), at_fault);
        }
    }
}
