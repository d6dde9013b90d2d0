//! Price lists, and estimates of costs by them. An estimate is exact by its prices. Without a fitting price there is
//! none.

use crate::kling::{billing::amount, error::Error, requests::prepared_request::PreparedRequest};

/// Prices in credits, for estimates of the cost of tasks.
///
/// The estimate is recorded as `estimated_credits` with the intent, and again beside the actual cost when the task has
/// ended. Prices change and differ by contract, so the caller supplies them. The first fitting price counts.
///
/// ```
/// use kling_audit::kling::billing::{Price, Prices};
///
/// let prices = Prices::of_2026()
///     .first(Price::per_second("kling-v3", "0.55").mode("std").sound(false))
///     .first(Price::each("kling-image-o1", "8"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Prices(Vec<Price>);

/// Price of one model in credits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Price {
    model: String,
    amount: String,
    per: Per,
    mode: Option<String>,
    sound: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    Second,
    Output,
}

impl Price {
    /// A price for each requested second, as a decimal number such as `0.6`.
    pub fn per_second(model: impl Into<String>, units: impl Into<String>) -> Price {
        Price { model: model.into(), amount: units.into(), per: Per::Second, mode: None, sound: None }
    }

    /// A price for each requested video or image of any length.
    pub fn each(model: impl Into<String>, units: impl Into<String>) -> Price {
        Price { per: Per::Output, ..Price::per_second(model, units) }
    }

    /// Limits the price to this mode, such as `pro`. For the new design it is a resolution, such as `1080p`.
    pub fn mode(mut self, mode: impl Into<String>) -> Price {
        self.mode = Some(mode.into());
        self
    }

    /// Limits the price to videos with sound, or to videos without.
    pub fn sound(mut self, sound: bool) -> Price {
        self.sound = Some(sound);
        self
    }

    fn fits(&self, request: &PreparedRequest) -> bool {
        let mode = || request.mode.as_deref().or_else(|| request.setting("resolution"));
        request.model.as_deref() == Some(self.model.as_str())
            && self.mode.as_deref().is_none_or(|wanted| mode() == Some(wanted))
            && self.sound.is_none_or(|wanted| request.has_sound() == wanted)
    }
}

impl Prices {
    /// Returns an empty list.
    pub fn new() -> Prices {
        Prices::default()
    }

    /// Returns prices of videos that were published in 2026: those of Kling 3.0 Turbo by Kling, the others by users.
    /// They are a start, and may differ from your contract.
    pub fn of_2026() -> Prices {
        let legacy = |model: &str, std: &str, pro: &str| {
            [Price::per_second(model, std).mode("std"), Price::per_second(model, pro).mode("pro")]
        };
        let mut prices = vec![
            Price::per_second("kling-v3", "0.6").mode("std").sound(false),
            Price::per_second("kling-v3", "0.8").mode("pro").sound(false),
            Price::per_second("kling-v3", "0.9").mode("std").sound(true),
            Price::per_second("kling-v3", "1.2").mode("pro").sound(true),
            Price::per_second("kling-v3", "3.0").mode("4k"),
            Price::per_second("kling-v2-6", "0.3").mode("std").sound(false),
            Price::per_second("kling-v2-6", "0.5").mode("pro").sound(false),
            Price::per_second("kling-v2-6", "1.0").mode("pro").sound(true),
            Price::per_second("kling-v2-master", "2"),
            Price::per_second("kling-v2-1-master", "2"),
            Price::per_second("kling-3.0-turbo", "0.8").mode("720p"),
            Price::per_second("kling-3.0-turbo", "1.0").mode("1080p"),
        ];
        prices.extend(legacy("kling-v2-5-turbo", "0.3", "0.5"));
        prices.extend(legacy("kling-v2-1", "0.4", "0.7"));
        prices.extend(legacy("kling-v1", "0.2", "0.7"));
        Prices(prices)
    }

    /// Adds a price before all others.
    pub fn first(mut self, price: Price) -> Prices {
        self.0.insert(0, price);
        self
    }

    /// Refuses a price that is no amount.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.0.iter().find(|price| !amount::is_amount(&price.amount)) {
            None => Ok(()),
            Some(price) => {
                let rule = format!("must be decimal numbers, and that of {} is not", price.model);
                Err(Error::Configuration { setting: "prices", rule })
            }
        }
    }

    /// Returns the expected cost of a request in credits.
    pub(crate) fn estimate(&self, request: &PreparedRequest) -> Option<String> {
        let price = self.0.iter().find(|price| price.fits(request))?;
        let cost = match price.per {
            Per::Second => amount::product(&price.amount, request.duration.as_deref()?),
            Per::Output => amount::product(&price.amount, &request.count()?.to_string()),
        };
        cost.map(amount::spell)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kling::requests::defaults::Defaults;

    fn estimate(prices: &Prices, wire: &serde_json::Value) -> Option<String> {
        prices.estimate(&PreparedRequest::of(wire, Defaults::default()))
    }

    #[test]
    fn an_estimate_is_by_the_first_price_that_fits() {
        let prices = Prices::of_2026().first(Price::each("kling-image-o1", "8"));
        let video = |mode: &str, sound: &str, duration: &str| json!({"model_name": "kling-v3", "mode": mode, "sound": sound, "duration": duration});

        for (wire, units) in [
            (video("std", "off", "5"), Some("3")),
            (video("pro", "on", "15"), Some("18")),
            (video("4k", "on", "3"), Some("9")),
            (video("turbo", "off", "5"), None),
            (video("std", "off", "long"), None),
            (json!({"model_name": "kling-v2-1-master", "duration": "5"}), Some("10")),
            (json!({"model_name": "kling-image-o1", "n": 3}), Some("24")),
            (json!({"model_name": "kling-image-o1"}), Some("8")),
            (
                json!({"model_name": "kling-3.0-turbo", "settings": {"resolution": "1080p", "duration": 7}}),
                Some("7"),
            ),
            (json!({"model_name": "unheard-of", "duration": "5"}), None),
            (json!({}), None),
        ] {
            assert_eq!(estimate(&prices, &wire).as_deref(), units, "{wire}");
        }
        let cheaper = prices.first(Price::per_second("kling-v3", "0.5").mode("std"));
        assert_eq!(estimate(&cheaper, &video("std", "off", "5")).as_deref(), Some("2.5"));
    }

    #[test]
    fn a_price_that_is_no_amount_is_refused() {
        assert!(Prices::of_2026().check().is_ok());
        let refused = Prices::new().first(Price::each("kling-v1", "a lot")).check();

        assert!(matches!(refused, Err(Error::Configuration { setting: "prices", .. })));
    }
}
