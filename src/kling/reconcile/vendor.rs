//! What the vendor has on the account: its books and its lists of tasks, brought together. Its promise: the books are read
//! whole, and each list that has to do with the trail or the books as far back as the period reaches.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, pin_mut};

use super::{
    super::{
        account::{Deduction, LedgerQuery, Period},
        amount::{self, Cash},
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
    said::Glance,
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
    /// The actions whose lists were read.
    read: BTreeSet<&'static str>,
    /// Whether tasks of the newer design are among them.
    has_new: bool,
}

/// A task that the vendor knows.
#[derive(Debug, Clone, Default)]
pub(super) struct VendorTask {
    pub(super) external_task_id: Option<String>,
    /// What the task itself says that it cost.
    pub(super) credits: Option<String>,
    /// The same of cash.
    pub(super) cash: Option<Cash>,
    /// What the books say, where that is units.
    pub(super) booked: Option<String>,
    /// The same of cash.
    pub(super) booked_cash: Option<Cash>,
    /// What was made, in the words of the books.
    function: Option<String>,
    /// With which key and what for, where the books say it.
    note: Option<String>,
    /// What the list says.
    status: Option<String>,
}

impl VendorTask {
    pub(super) fn describe(&self) -> String {
        let mut parts: Vec<String> = self.status.iter().chain(&self.note).cloned().collect();
        parts.extend(self.booked_cash.as_ref().or(self.cash.as_ref()).map(Cash::to_string));
        parts.extend(
            self.booked.as_ref().or(self.credits.as_ref()).map(|credits| format!("{credits} credits")),
        );
        parts.join(", ")
    }

    /// The action that the books mean: `Text to Video` is `text_to_video`.
    fn action(&self) -> Option<&'static str> {
        let named = self.function.as_ref()?.trim().to_ascii_lowercase().replace(' ', "_");
        LISTS.iter().map(|(action, _)| *action).find(|action| *action == named)
    }
}

impl VendorTasks {
    /// Reads the books, then the lists of what the trail has or the books name. Of something in the books that neither
    /// tells, any list may be the one.
    pub(super) async fn read(client: &Client, period: Period, trail: &Glance) -> Result<VendorTasks, Error> {
        let mut tasks = BTreeMap::new();
        read_books(client, period, &mut tasks).await?;
        let strange = tasks.iter().filter(|(id, _)| !trail.tasks.contains(*id));
        let booked: Vec<Option<&'static str>> = strange.map(|(_, task)| task.action()).collect();
        let is_wanted = |action: &str| {
            trail.actions.contains(action)
                || booked.iter().any(|booked| booked.is_none_or(|booked| booked == action))
        };
        let wanted: Vec<_> = LISTS.into_iter().filter(|(action, _)| is_wanted(action)).collect();
        let mut read = BTreeSet::new();
        for (action, path) in wanted {
            read_list(client, action, path, period, &mut tasks).await?;
            read.insert(action);
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
        Ok(VendorTasks { tasks, read, has_new })
    }

    /// Whether a task of this action would be here.
    pub(super) fn covers(&self, action: &str) -> bool {
        self.read.contains(action) || (self.has_new && is_new(action))
    }

    /// Whether tasks of this action are on a list that could not be read.
    pub(super) fn cannot_list(&self, action: &str) -> bool {
        is_new(action) && !self.has_new
    }
}

/// Whether an action is one of the newer design.
fn is_new(action: &str) -> bool {
    action.starts_with("standard_")
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
        let cash = task.progress.billing.iter().filter(|charge| charge.charge_type == "cash");
        known.cash = Cash::sum(cash.map(|charge| (charge.amount.as_str(), charge.currency.as_deref())));
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
        let cash = deductions.iter().filter(|deduction| deduction.currency.is_some());
        known.booked_cash = Cash::sum(
            cash.filter_map(|deduction| Some((deduction.amount.as_deref()?, deduction.currency.as_deref()))),
        );
        known.function = deductions.iter().find_map(|deduction| deduction.product_function.clone());
        known.note = deductions.first().map(|deduction| {
            let words = [&deduction.api_key_name, &deduction.product_function, &deduction.model_name];
            words.into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
        });
    }
    Ok(())
}
