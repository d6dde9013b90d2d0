//! Costs: price lists for estimates, charges of tasks, and the account's ledgers as plain data.

pub(crate) mod amount;
pub(crate) mod cash;
pub(crate) mod ledger;
pub(crate) mod prices;

pub use self::{
    ledger::{Deduction, LedgerQuery, Period, ResourcePack},
    prices::{Price, Prices},
};
pub use crate::kling::outputs::charge::Charge;
