//! Lists that come page by page. A page is requested only after the page before it was consumed.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use futures_util::{Stream, stream};
use serde_json::Value;

use crate::kling::{api::json_fields::text, error::Error};

/// Position in a list with cursors, and the positions before it.
///
/// Kling could answer with a cursor that leads back to an earlier page. Such a list would never end, so it is an error.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    at: String,
    visited: HashSet<String>,
}

impl Cursor {
    /// Returns the text to request the page with. It is empty for the first page.
    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    /// Returns the position after the page in `data`, or `None` after the last page.
    pub(crate) fn next(mut self, action: &'static str, data: &Value) -> Result<Option<Cursor>, Error> {
        let Some(at) = next_cursor(data) else {
            let is_cut_off = data["has_more"] == true;
            return match is_cut_off {
                true => Err(Error::unreadable(action, "more pages, and no cursor that leads there")),
                false => Ok(None),
            };
        };
        // The current position counts as visited, so that a cursor that leads to its own page is found too.
        self.visited.insert(std::mem::take(&mut self.at));
        if self.visited.contains(&at) {
            return Err(Error::unreadable(action, "more pages, and a cursor that leads back"));
        }
        Ok(Some(Cursor { at, ..self }))
    }
}

/// Returns the cursor of the next page, if `data` has one.
pub(crate) fn next_cursor(data: &Value) -> Option<String> {
    (data["has_more"] == true).then(|| text(data, "next_cursor")).flatten()
}

/// Returns the items of all pages, from the page at `first` on. `fetch` returns the items of a page and the position of
/// the next page.
pub(crate) fn pages<S, T, F, A>(first: S, fetch: F) -> impl Stream<Item = Result<T, Error>> + Send + 'static
where
    S: Send + 'static,
    T: Send + 'static,
    F: Fn(S) -> A + Send + Sync + 'static,
    A: Future<Output = Result<(Vec<T>, Option<S>), Error>> + Send,
{
    let fetch = Arc::new(fetch);
    stream::try_unfold((VecDeque::new(), Some(first)), move |(mut ready, mut next): (VecDeque<T>, _)| {
        let fetch = Arc::clone(&fetch);
        async move {
            loop {
                if let Some(item) = ready.pop_front() {
                    return Ok(Some((item, (ready, next))));
                }
                // The position is taken out before the request: after a failed request the stream ends.
                let Some(at) = next.take() else { return Ok(None) };
                let (items, after) = fetch(at).await?;
                ready.extend(items);
                next = after;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_list_that_leads_back_ends_with_an_error() {
        let page = |at: &str| match at {
            "" => json!({"has_more": true, "next_cursor": "a"}),
            "a" => json!({"has_more": true, "next_cursor": "b"}),
            "b" => json!({"has_more": false, "next_cursor": "a"}),
            "still" => json!({"has_more": true, "next_cursor": "still"}),
            "round" => json!({"has_more": true, "next_cursor": "and round"}),
            "and round" => json!({"has_more": true, "next_cursor": "round"}),
            _ => json!({"has_more": true}),
        };
        for (first, seen, at_fault) in [
            ("", &["", "a", "b"][..], None),
            ("still", &[], Some("more pages, and a cursor that leads back")),
            ("round", &["round"], Some("more pages, and a cursor that leads back")),
            ("cut off", &[], Some("more pages, and no cursor that leads there")),
        ] {
            let first = Cursor { at: first.to_owned(), ..Cursor::default() };
            let listed = pages(first, move |cursor| async move {
                let (at, data) = (cursor.at().to_owned(), page(cursor.at()));
                Ok((vec![at], cursor.next("tasks", &data)?))
            });

            let listed: Vec<Result<String, Error>> = listed.take(10).collect().await;

            let pages: Vec<&str> = listed.iter().flatten().map(String::as_str).collect();
            let fault = listed.iter().find_map(|page| match page {
                Err(Error::Unreadable { cause, .. }) => Some(cause.as_str()),
                _ => None,
            });
            assert_eq!((pages.as_slice(), fault), (seen, at_fault));
        }
    }
}
