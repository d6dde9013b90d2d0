//! What the vendor has on the account: its lists of tasks and its books, brought together. Its promise: each list is read
//! as far back as the period reaches.

use std::collections::BTreeMap;

use futures_util::{StreamExt, pin_mut};

use super::{
    super::{
        account::{Deduction, LedgerQuery, Period},
        client::Client,
        error::Error,
        listing::{Listed, TaskQuery},
        output::Made,
        request::Request,
        requests::{
            AdvancedLipSync, Avatar, CustomElement, CustomVoice, Effects, ExpandImage, GenerateImage,
            ImageToVideo, LipSync, MotionControl, MultiElements, MultiImageToImage, MultiImageToVideo,
            MultiShot, OmniImage, OmniVideo, TextToAudio, TextToVideo, TryOn, VideoExtend, VideoToAudio,
        },
    },
    amount,
};

/// The most tasks that a page of a list has.
const PAGE: u16 = 500;

/// The lists below `/v1`: the action and the path of each kind of task.
const LISTS: [(&str, &str); 21] = [
    list::<TextToVideo>(),
    list::<ImageToVideo>(),
    list::<MultiImageToVideo>(),
    list::<OmniVideo>(),
    list::<MotionControl>(),
    list::<MultiElements>(),
    list::<VideoExtend>(),
    list::<AdvancedLipSync>(),
    list::<LipSync>(),
    list::<Avatar>(),
    list::<Effects>(),
    list::<VideoToAudio>(),
    list::<TextToAudio>(),
    list::<GenerateImage>(),
    list::<OmniImage>(),
    list::<MultiImageToImage>(),
    list::<ExpandImage>(),
    list::<TryOn>(),
    list::<MultiShot>(),
    list::<CustomElement>(),
    list::<CustomVoice>(),
];

const fn list<R: Request>() -> (&'static str, &'static str) {
    (R::ACTION, R::PATH)
}

/// What the vendor has on the account.
#[derive(Debug)]
pub(super) struct VendorTasks {
    /// By the vendor's ids.
    pub(super) tasks: BTreeMap<String, VendorTask>,
    /// Whether tasks of the newer design are among them.
    has_new: bool,
}

/// A task that the vendor knows.
#[derive(Debug, Clone, Default)]
pub(super) struct VendorTask {
    pub(super) external_task_id: Option<String>,
    /// What the task itself says that it cost.
    pub(super) credits: Option<String>,
    /// What the books say, where that is units.
    pub(super) booked: Option<String>,
    /// With which key and what for, where the books say it.
    note: Option<String>,
    /// What the list says.
    status: Option<String>,
}

impl VendorTask {
    pub(super) fn describe(&self) -> String {
        let mut parts: Vec<String> = self.status.iter().chain(&self.note).cloned().collect();
        parts.extend(
            self.booked.as_ref().or(self.credits.as_ref()).map(|credits| format!("{credits} credits")),
        );
        parts.join(", ")
    }
}

impl VendorTasks {
    pub(super) async fn read(client: &Client, period: Period) -> Result<VendorTasks, Error> {
        let mut tasks = BTreeMap::new();
        for (action, path) in LISTS {
            read_list(client, action, path, period, &mut tasks).await?;
        }
        let has_new = client.has_api_key();
        if has_new {
            let (start, end) = period.milliseconds();
            let listed = client.tasks(TaskQuery::new().between(start, end));
            pin_mut!(listed);
            while let Some(task) = listed.next().await {
                note(task?, period, &mut tasks);
            }
        }
        read_books(client, period, &mut tasks).await?;
        Ok(VendorTasks { tasks, has_new })
    }

    /// Whether a task of this action would be here.
    pub(super) fn covers(&self, action: &str) -> bool {
        LISTS.iter().any(|(known, _)| *known == action) || (self.has_new && action.starts_with("standard_"))
    }
}

async fn read_list(
    client: &Client,
    action: &'static str,
    path: &'static str,
    period: Period,
    tasks: &mut BTreeMap<String, VendorTask>,
) -> Result<(), Error> {
    let (start, _) = period.milliseconds();
    for page in 1..=1000 {
        let listed: Vec<Listed<Made>> = client.page(action, path, page, PAGE).await?;
        let full = listed.len() == usize::from(PAGE);
        // The vendor gives new tasks first; that a single one is older does not end it.
        let all_older = listed.iter().all(|task| task.created_at.is_some_and(|created| created < start));
        listed.into_iter().for_each(|task| note(task, period, tasks));
        if !full || all_older {
            break;
        }
    }
    Ok(())
}

fn note(task: Listed<Made>, period: Period, tasks: &mut BTreeMap<String, VendorTask>) {
    let (start, end) = period.milliseconds();
    if task.created_at.is_none_or(|created| (start..=end).contains(&created)) {
        let known = tasks.entry(task.task_id).or_default();
        known.external_task_id = task.external_task_id;
        known.credits = task.progress.credits;
        known.status = Some(task.progress.status.as_str().to_owned());
    }
}

async fn read_books(
    client: &Client,
    period: Period,
    tasks: &mut BTreeMap<String, VendorTask>,
) -> Result<(), Error> {
    let mut booked: BTreeMap<String, Vec<Deduction>> = BTreeMap::new();
    let cash = client.balance_deductions(LedgerQuery::new(period));
    let units = client.package_deductions(LedgerQuery::new(period));
    let all = cash.chain(units);
    pin_mut!(all);
    while let Some(deduction) = all.next().await {
        let deduction = deduction?;
        if let Some(task_id) = &deduction.task_id {
            booked.entry(task_id.clone()).or_default().push(deduction);
        }
    }
    for (task_id, deductions) in booked {
        let known = tasks.entry(task_id).or_default();
        let units = deductions.iter().filter(|deduction| deduction.currency.is_none());
        let units: Vec<&str> = units.filter_map(|deduction| deduction.amount.as_deref()).collect();
        known.booked = if units.is_empty() { None } else { amount::sum(units) };
        known.note = deductions.first().map(|deduction| {
            let words = [&deduction.api_key_name, &deduction.product_function, &deduction.model_name];
            words.into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
        });
    }
    Ok(())
}
