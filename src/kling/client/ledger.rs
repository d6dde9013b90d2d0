//! Queries of the account's resource packs and deductions. They change nothing, and each request is recorded.

use futures_util::Stream;

use crate::kling::{
    api::{call::Call, json_fields::items, urls::escape_segment},
    billing::ledger::{Deduction, Ledger, LedgerQuery, Period, ResourcePack},
    client::{
        connection::Connection,
        pages::{Cursor, pages},
    },
    error::Error,
    events::subject::Subject,
    privacy::scrub::Scrubber,
};

/// Returns the resource packs of a period, of all names or of one.
pub(crate) async fn resource_packs(
    connection: &Connection,
    period: Period,
    name: Option<&str>,
) -> Result<Vec<ResourcePack>, Error> {
    const PATH: &str = "/account/costs";
    let (start, end) = period.milliseconds();
    let scrubber = connection.scrubber(&Scrubber::default());
    let mut path = format!("{PATH}?start_time={start}&end_time={end}");
    if let Some(name) = name {
        path.push_str("&resource_pack_name=");
        path.push_str(&escape_segment(name));
    }
    let subject = Subject::action("account_costs");
    let data = connection.read(subject, &Call::get(path, PATH, "account", &scrubber)).await?;
    // The data of this endpoint has a code of its own, inside a successful envelope.
    if let Some(code) = data["code"].as_i64().filter(|code| *code != 0) {
        return Err(Error::Refused {
            action: subject.action,
            http: 200,
            code: Some(code),
            message: scrubber.scrub(data["msg"].as_str().unwrap_or_default()),
            request_id: None,
        });
    }
    Ok(items(&data, "resource_pack_subscribe_infos", ResourcePack::read))
}

/// Lists the deductions in one of the account's ledgers.
pub(crate) fn deductions(
    connection: Connection,
    ledger: Ledger,
    query: LedgerQuery,
) -> impl Stream<Item = Result<Deduction, Error>> + Send + 'static {
    pages(Cursor::default(), move |cursor| {
        let (connection, query) = (connection.clone(), query.clone());
        async move {
            query.check(ledger)?;
            let scrubber = connection.scrubber(&Scrubber::default());
            let body = query.body(cursor.at()).to_string();
            let call = Call::ask(ledger.path(), body.as_bytes(), "account", &scrubber);
            let data = connection.read(Subject::action(ledger.action()), &call).await?;
            let deductions = items(&data["result"], "detail", Deduction::read);
            Ok((deductions, cursor.next(ledger.action(), &data)?))
        }
    })
}
