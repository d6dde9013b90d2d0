//! Lists of what the account has. Its promise: a page is asked for when the one before it was used up, each request is
//! an entry, and passing errors are tried again.

use std::collections::{HashSet, VecDeque};

use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    backoff::Backoff,
    client::{Client, outcome_not_recorded, refusal},
    element::{Element, Voice},
    envelope::{Envelope, TaskData, text},
    error::Error,
    exchange::{Answer, Call},
    output::{Made, Output, items},
    recorder::Subject,
    request::{Request, Standard},
    rules,
    screen::Screen,
    task::Progress,
};

/// A task as a list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed<O> {
    /// The vendor's id of the task.
    pub task_id: String,
    /// The id that it was submitted under.
    pub external_task_id: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: Option<i64>,
    /// When it last changed, in milliseconds since 1970.
    pub updated_at: Option<i64>,
    /// Where it stands.
    pub progress: Progress<O>,
}

impl<O: Output> Listed<O> {
    pub(crate) fn of(data: TaskData) -> Listed<O> {
        Listed {
            task_id: data.task_id,
            external_task_id: data.external_task_id,
            created_at: data.created_at,
            updated_at: data.updated_at,
            progress: Progress {
                output: O::decode(&data.result),
                status: data.status,
                message: data.status_message,
                credits: data.credits,
                billing: data.billing,
                parent_video: data.parent_video,
            },
        }
    }
}

/// Which tasks of the new design [`Client::tasks`] lists.
///
/// | setting | default |
/// |---|---|
/// | `between` | the last 30 days |
/// | `status`, `product_type` | all |
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TaskQuery {
    start_time: Option<i64>,
    end_time: Option<i64>,
    filters: Vec<Filter>,
}

impl TaskQuery {
    /// All tasks of the last 30 days.
    pub fn new() -> TaskQuery {
        TaskQuery::default()
    }

    /// Tasks that were made between these times, in milliseconds since 1970.
    pub fn between(mut self, start: i64, end: i64) -> TaskQuery {
        self.start_time = Some(start);
        self.end_time = Some(end);
        self
    }

    /// Tasks that stand so, such as `succeeded`.
    pub fn status(self, statuses: impl IntoIterator<Item = impl Into<String>>) -> TaskQuery {
        self.filter("status", statuses)
    }

    /// Tasks that make `video`, `image` or `try_on`.
    pub fn product_type(self, types: impl IntoIterator<Item = impl Into<String>>) -> TaskQuery {
        self.filter("product_type", types)
    }

    fn filter(mut self, key: &'static str, values: impl IntoIterator<Item = impl Into<String>>) -> TaskQuery {
        self.filters.push(Filter::new(key, values));
        self
    }
}

/// One condition of a list: any of the values.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Filter {
    key: &'static str,
    values: Vec<String>,
}

impl Filter {
    pub(crate) fn new(key: &'static str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
        Filter { key, values: values.into_iter().map(Into::into).collect() }
    }

    pub(crate) fn key(&self) -> &'static str {
        self.key
    }
}

/// Where a list goes on. An answer that leads to a page that was there before would have no end.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    at: String,
    before: HashSet<String>,
}

impl Cursor {
    /// What the vendor is asked with, at first nothing.
    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    /// Where the page after the one in `data` begins; `None` after the last.
    pub(crate) fn next(mut self, action: &'static str, data: &Value) -> Result<Option<Cursor>, Error> {
        let astray = |cause: &str| Error::Unreadable { action, http: 200, cause: cause.to_owned() };
        let Some(at) = next_cursor(data) else {
            let cut_off = data["has_more"] == true;
            return if cut_off {
                Err(astray("more pages, and no cursor that leads there"))
            } else {
                Ok(None)
            };
        };
        self.before.insert(std::mem::take(&mut self.at));
        if self.before.contains(&at) {
            return Err(astray("more pages, and a cursor that leads back"));
        }
        Ok(Some(Cursor { at, ..self }))
    }
}

/// The subject of entries about lists.
pub(crate) fn about(action: &'static str) -> Subject<'static> {
    Subject { action, task_id: None, external_task_id: None }
}

impl Client {
    /// The account's tasks of one kind, newest first as far as the vendor keeps to that, `page_size` (1 to 500) at a
    /// time.
    ///
    /// The vendor's list has no end mark: a page that is not full is taken for the last. Tasks that are made meanwhile
    /// move others to the next page; what was on the page before is not given twice.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error: as [`Client::query`], and [`Error::Request`] for a page size that the vendor
    /// does not take.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(client: kling_audit::kling::Client) -> Result<(), kling_audit::kling::Error> {
    /// use futures_util::TryStreamExt;
    /// use kling_audit::kling::TextToVideo;
    ///
    /// let tasks = client.list::<TextToVideo>(100);
    /// futures_util::pin_mut!(tasks);
    /// while let Some(task) = tasks.try_next().await? {
    ///     println!("{} {}", task.task_id, task.progress.status);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list<R: Request>(
        &self,
        page_size: u16,
    ) -> impl Stream<Item = Result<Listed<R::Output>, Error>> + Send + 'static {
        let client = self.clone();
        pages((1_u32, HashSet::<String>::new()), move |(page, seen)| {
            let client = client.clone();
            async move {
                rules::require(R::STANDARD == Standard::Legacy, "path", "must be one below /v1: use tasks")?;
                rules::require((1..=500).contains(&page_size), "pageSize", "must be between 1 and 500")?;
                let listed = client.page::<R::Output>(R::ACTION, R::PATH, page, page_size).await?;
                let full = listed.len() == usize::from(page_size) && page < 1000;
                let ids = listed.iter().map(|task| task.task_id.clone()).collect();
                let new = listed.into_iter().filter(|task| !seen.contains(&task.task_id)).collect();
                Ok((new, full.then_some((page + 1, ids))))
            }
        })
    }

    /// One page of a list of tasks below `/v1`.
    pub(crate) async fn page<O: Output>(
        &self,
        action: &'static str,
        path: &'static str,
        page: u32,
        page_size: u16,
    ) -> Result<Vec<Listed<O>>, Error> {
        let screen = self.screened(&Screen::default());
        let url = format!("{path}?pageNum={page}&pageSize={page_size}");
        let data = self.read(about(action), &Call::get(url, path, "list", &screen)).await?;
        let tasks = data.as_array().ok_or_else(|| no_list(action))?;
        Ok(tasks.iter().filter_map(|task| TaskData::decode(task, &screen)).map(Listed::of).collect())
    }

    /// The account's tasks of the new design.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error: as [`Client::query`], and [`Error::Configuration`] without an API key.
    pub fn tasks(
        &self,
        query: TaskQuery,
    ) -> impl Stream<Item = Result<Listed<Made>, Error>> + Send + 'static {
        let client = self.clone();
        pages(Cursor::default(), move |cursor| {
            let (client, query) = (client.clone(), query.clone());
            async move {
                client.check_standard(Standard::New)?;
                let screen = client.screened(&Screen::default());
                let mut body = json!({"cursor": cursor.at(), "limit": 500, "filters": query.filters});
                // The vendor's pages disagree about the type; the newer ones have text.
                for (name, time) in [("start_time", query.start_time), ("end_time", query.end_time)] {
                    if let Some(time) = time {
                        body[name] = json!(time.to_string());
                    }
                }
                let body = body.to_string();
                let call = Call::ask("/tasks", body.as_bytes(), "list", &screen);
                let data = client.read(about("tasks"), &call).await?;
                let read = |task: &Value| TaskData::decode(task, &screen).map(Listed::of);
                Ok((items(&data, "result", read), cursor.next("tasks", &data)?))
            }
        })
    }

    /// The vendor's own elements.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn preset_elements(
        &self,
        page_size: u16,
    ) -> impl Stream<Item = Result<Element, Error>> + Send + 'static {
        self.presets(
            "preset_elements",
            "/v1/general/advanced-presets-elements",
            "elements",
            page_size,
            Element::decode,
        )
    }

    /// The vendor's own elements of its older library.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn legacy_preset_elements(
        &self,
        page_size: u16,
    ) -> impl Stream<Item = Result<Element, Error>> + Send + 'static {
        self.presets(
            "legacy_preset_elements",
            "/v1/general/presets-elements",
            "elements",
            page_size,
            Element::decode,
        )
    }

    /// The account's elements of the older library.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn legacy_elements(
        &self,
        page_size: u16,
    ) -> impl Stream<Item = Result<Element, Error>> + Send + 'static {
        self.presets("legacy_elements", "/v1/general/custom-elements", "elements", page_size, Element::decode)
    }

    /// The vendor's own voices.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn preset_voices(&self, page_size: u16) -> impl Stream<Item = Result<Voice, Error>> + Send + 'static {
        self.presets("preset_voices", "/v1/general/presets-voices", "voices", page_size, Voice::decode)
    }

    /// Lists whose items may stand by themselves, or in the result of a task.
    fn presets<T: Send + 'static>(
        &self,
        action: &'static str,
        path: &'static str,
        member: &'static str,
        page_size: u16,
        read: fn(&Value) -> Option<T>,
    ) -> impl Stream<Item = Result<T, Error>> + Send + 'static {
        let client = self.clone();
        pages(1_u32, move |page| {
            let client = client.clone();
            async move {
                rules::require((1..=500).contains(&page_size), "pageSize", "must be between 1 and 500")?;
                let screen = client.screened(&Screen::default());
                let url = format!("{path}?pageNum={page}&pageSize={page_size}");
                let data = client.read(about(action), &Call::get(url, path, "list", &screen)).await?;
                let listed = data.as_array().ok_or_else(|| no_list(action))?;
                let found = listed
                    .iter()
                    .flat_map(|item| match item.get("task_result") {
                        Some(result) => items(result, member, read),
                        None => read(item).into_iter().collect(),
                    })
                    .collect();
                let full = listed.len() == usize::from(page_size) && page < 1000;
                Ok((found, full.then_some(page + 1)))
            }
        })
    }

    /// The `data` of an answer to what changes nothing. Tried again while the vendor is busy or not to be heard.
    pub(crate) async fn read(&self, subject: Subject<'_>, call: &Call<'_>) -> Result<Value, Error> {
        let settings = self.settings();
        let mut backoff = Backoff::doubling(settings.backoff);
        let mut attempt = 1;
        loop {
            let answer = self.send(subject, call).await?;
            if let Answer::Envelope(200..=299, envelope) = &answer
                && envelope.code == 0
            {
                return Ok(envelope.data.clone());
            }
            let passing = match &answer {
                Answer::Envelope(http, envelope) => {
                    matches!(envelope.code, 1302 | 1303) || envelope.code >= 5000 || *http >= 500
                }
                Answer::Nonsense(http, _) => *http >= 500,
                Answer::Lost(_) | Answer::NotSent(_) => true,
            };
            let delay = (passing && attempt <= settings.retries).then(|| backoff.delay());
            if let Answer::Envelope(_, Envelope { code: 1302 | 1303, .. }) = &answer {
                self.recorder()
                    .throttled(subject, answer.reply(), attempt, delay)
                    .await
                    .map_err(outcome_not_recorded(subject, "throttled"))?;
            }
            let Some(delay) = delay else { return Err(refusal(subject.action, answer)) };
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }
}

fn no_list(action: &'static str) -> Error {
    Error::Unreadable { action, http: 200, cause: "no list in the answer".to_owned() }
}

/// Where the next page begins, of lists that say so.
pub(crate) fn next_cursor(data: &Value) -> Option<String> {
    (data["has_more"] == true).then(|| text(data, "next_cursor")).flatten()
}

/// The items of all pages, beginning with the one at `first`. `fetch` gives a page and where the next one is.
pub(crate) fn pages<S, T, F, A>(first: S, fetch: F) -> impl Stream<Item = Result<T, Error>> + Send + 'static
where
    S: Send + 'static,
    T: Send + 'static,
    F: Fn(S) -> A + Send + Sync + 'static,
    A: Future<Output = Result<(Vec<T>, Option<S>), Error>> + Send,
{
    let fetch = std::sync::Arc::new(fetch);
    stream::try_unfold((VecDeque::new(), Some(first)), move |(mut ready, mut next): (VecDeque<T>, _)| {
        let fetch = std::sync::Arc::clone(&fetch);
        async move {
            loop {
                if let Some(item) = ready.pop_front() {
                    return Ok(Some((item, (ready, next))));
                }
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
