//! Lists of the account's tasks, elements and voices. Each request for a page is recorded, and temporary errors are
//! retried.

use std::collections::HashSet;

use futures_util::Stream;
use serde_json::Value;

use crate::kling::{
    api::{call::Call, design::ApiDesign, json_fields::items},
    client::{
        connection::Connection,
        pages::{Cursor, pages},
        progress::TaskProgress,
        task_query::TaskQuery,
    },
    error::Error,
    events::subject::Subject,
    outputs::{made::Made, output::Output, task_data::TaskData},
    privacy::scrub::Scrubber,
    requests::{request::Request, validation},
};

/// Number of the last page that Kling serves.
const LAST_PAGE: u32 = 1000;

/// A task in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedTask<O> {
    /// Kling's id of the task.
    pub task_id: String,
    /// Id that the task was submitted under.
    pub external_task_id: Option<String>,
    /// Time at which the task was made, in milliseconds since 1970.
    pub created_at: Option<i64>,
    /// Time of the last change, in milliseconds since 1970.
    pub updated_at: Option<i64>,
    /// State of the task.
    pub progress: TaskProgress<O>,
}

impl<O: Output> ListedTask<O> {
    fn new(data: TaskData) -> ListedTask<O> {
        ListedTask {
            task_id: data.task_id,
            external_task_id: data.external_task_id,
            created_at: data.created_at,
            updated_at: data.updated_at,
            progress: TaskProgress {
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

/// Lists the tasks of one kind of the legacy design.
pub(crate) fn tasks_of<R: Request>(
    connection: Connection,
    page_size: u16,
) -> impl Stream<Item = Result<ListedTask<R::Output>, Error>> + Send + 'static {
    pages((1_u32, HashSet::<String>::new()), move |(page, seen)| {
        let connection = connection.clone();
        async move {
            let is_legacy = R::DESIGN == ApiDesign::Legacy;
            validation::require(is_legacy, "path", "must be one below /v1: use tasks")?;
            check_page_size(page_size)?;
            let listed = page_of::<R::Output>(&connection, R::ACTION, R::PATH, page, page_size).await?;
            // Kling's lists have no end mark. A page that is not full is the last one.
            let may_have_next = listed.len() == usize::from(page_size) && page < LAST_PAGE;
            let ids = listed.iter().map(|task| task.task_id.clone()).collect();
            // A task that is made meanwhile moves others to the next page.
            let new = listed.into_iter().filter(|task| !seen.contains(&task.task_id)).collect();
            Ok((new, may_have_next.then_some((page + 1, ids))))
        }
    })
}

/// Returns one page of a list of tasks of the legacy design.
pub(crate) async fn page_of<O: Output>(
    connection: &Connection,
    action: &'static str,
    path: &'static str,
    page: u32,
    page_size: u16,
) -> Result<Vec<ListedTask<O>>, Error> {
    let scrubber = connection.scrubber(&Scrubber::default());
    let tasks = raw_page(connection, &scrubber, action, path, page, page_size).await?;
    Ok(tasks.iter().filter_map(|task| TaskData::decode(task, &scrubber)).map(ListedTask::new).collect())
}

/// Lists the tasks of the new design.
pub(crate) fn tasks(
    connection: Connection,
    query: TaskQuery,
) -> impl Stream<Item = Result<ListedTask<Made>, Error>> + Send + 'static {
    pages(Cursor::default(), move |cursor| {
        let (connection, query) = (connection.clone(), query.clone());
        async move {
            connection.check_design(ApiDesign::New)?;
            let scrubber = connection.scrubber(&Scrubber::default());
            let body = query.body(cursor.at()).to_string();
            let call = Call::ask("/tasks", body.as_bytes(), "list", &scrubber);
            let data = connection.read(Subject::action("tasks"), &call).await?;
            let read = |task: &Value| TaskData::decode(task, &scrubber).map(ListedTask::new);
            Ok((items(&data, "result", read), cursor.next("tasks", &data)?))
        }
    })
}

/// A list whose items are either bare or in the result of a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PresetList<T> {
    pub(crate) action: &'static str,
    pub(crate) path: &'static str,
    /// Member of a task's result that has the items.
    pub(crate) member: &'static str,
    pub(crate) decode: fn(&Value) -> Option<T>,
}

/// Lists elements or voices.
pub(crate) fn presets<T: Send + 'static>(
    connection: Connection,
    list: PresetList<T>,
    page_size: u16,
) -> impl Stream<Item = Result<T, Error>> + Send + 'static {
    let PresetList { action, path, member, decode } = list;
    pages(1_u32, move |page| {
        let connection = connection.clone();
        async move {
            check_page_size(page_size)?;
            let scrubber = connection.scrubber(&Scrubber::default());
            let listed = raw_page(&connection, &scrubber, action, path, page, page_size).await?;
            let found = listed
                .iter()
                .flat_map(|item| match item.get("task_result") {
                    Some(result) => items(result, member, decode),
                    None => decode(item).into_iter().collect(),
                })
                .collect();
            let may_have_next = listed.len() == usize::from(page_size) && page < LAST_PAGE;
            Ok((found, may_have_next.then_some(page + 1)))
        }
    })
}

async fn raw_page(
    connection: &Connection,
    scrubber: &Scrubber,
    action: &'static str,
    path: &'static str,
    page: u32,
    page_size: u16,
) -> Result<Vec<Value>, Error> {
    let url = format!("{path}?pageNum={page}&pageSize={page_size}");
    let call = Call::get(url, path, "list", scrubber);
    match connection.read(Subject::action(action), &call).await? {
        Value::Array(items) => Ok(items),
        _ => Err(Error::unreadable(action, "no list in the answer")),
    }
}

fn check_page_size(page_size: u16) -> Result<(), Error> {
    validation::require((1..=500).contains(&page_size), "pageSize", "must be between 1 and 500")?;
    Ok(())
}
