//! Tasks according to Kling's ledgers and lists.
//!
//! The ledgers are read completely. Of the lists, those that concern the trail or the ledgers are read back to the
//! start of the period.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, pin_mut};

use crate::kling::{
    billing::{
        amount,
        cash::Cash,
        ledger::{Deduction, LedgerQuery, Period},
    },
    client::{
        Client,
        list::{ListedTask, page_of},
        task_query::TaskQuery,
    },
    error::Error,
    outputs::made::Made,
    reconcile::trail::TrailOverview,
    requests::{
        advanced_lip_sync::AdvancedLipSync, avatar::Avatar, custom_element::CustomElement,
        custom_voice::CustomVoice, effects::Effects, expand_image::ExpandImage,
        generate_image::GenerateImage, image_to_video::ImageToVideo, lip_sync::LipSync,
        motion_control::MotionControl, multi_elements::MultiElements,
        multi_image_to_image::MultiImageToImage, multi_image_to_video::MultiImageToVideo,
        multi_shot::MultiShot, omni_image::OmniImage, omni_video::OmniVideo, request::Request,
        text_to_audio::TextToAudio, text_to_video::TextToVideo, try_on::TryOn, video_extend::VideoExtend,
        video_to_audio::VideoToAudio,
    },
};

/// Largest page of a list of tasks.
const LIST_PAGE_SIZE: u16 = 500;

/// Lists of the legacy design: action and path of each kind of task.
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

/// Tasks of the account.
#[derive(Debug)]
pub(super) struct AccountTasks {
    /// Tasks by Kling's ids.
    pub(super) tasks: BTreeMap<String, AccountTask>,
    /// Actions whose lists were read.
    read: BTreeSet<&'static str>,
    /// `true` if the list of the new design was read.
    has_new_design: bool,
}

/// A task of the account.
#[derive(Debug, Clone, Default)]
pub(super) struct AccountTask {
    pub(super) external_task_id: Option<String>,
    /// Cost in credits according to the task itself.
    pub(super) credits: Option<String>,
    /// Cost in money according to the task itself.
    pub(super) cash: Option<Cash>,
    /// Cost in credits according to the ledgers.
    pub(super) booked: Option<String>,
    /// Cost in money according to the ledgers.
    pub(super) booked_cash: Option<Cash>,
    /// Function according to the ledgers, such as `Text to Video`.
    function: Option<String>,
    /// API key, function and model according to the ledgers.
    note: Option<String>,
    /// Status according to the list.
    status: Option<String>,
}

impl AccountTask {
    pub(super) fn describe(&self) -> String {
        let mut parts: Vec<String> = self.status.iter().chain(&self.note).cloned().collect();
        parts.extend(self.booked_cash.as_ref().or(self.cash.as_ref()).map(Cash::to_string));
        let credits = self.booked.as_ref().or(self.credits.as_ref());
        parts.extend(credits.map(|credits| format!("{credits} credits")));
        parts.join(", ")
    }

    /// Returns the action of the ledgers' function: `Text to Video` is `text_to_video`.
    fn action(&self) -> Option<&'static str> {
        let named = self.function.as_ref()?.trim().to_ascii_lowercase().replace(' ', "_");
        LISTS.iter().map(|(action, _)| *action).find(|action| *action == named)
    }
}

impl AccountTasks {
    /// Reads the ledgers, and then the lists of the actions in the trail or in the ledgers. If the ledgers have an
    /// unknown task without a known function, any list may have it, and all are read.
    pub(super) async fn read(
        client: &Client,
        period: Period,
        trail: &TrailOverview,
    ) -> Result<AccountTasks, Error> {
        let mut tasks = BTreeMap::new();
        read_ledgers(client, period, &mut tasks).await?;
        let unknown = tasks.iter().filter(|(id, _)| !trail.tasks.contains(*id));
        // `None` is a function that names no action, such as one that Kling has added.
        let booked: Vec<Option<&'static str>> = unknown.map(|(_, task)| task.action()).collect();
        let is_needed = |action: &str| {
            trail.actions.contains(action)
                || booked.iter().any(|booked| booked.is_none_or(|booked| booked == action))
        };
        let mut read = BTreeSet::new();
        for (action, path) in LISTS.into_iter().filter(|(action, _)| is_needed(action)) {
            read_list(client, action, path, period, &mut tasks).await?;
            read.insert(action);
        }
        let has_new_design = client.connection().has_api_key();
        if has_new_design {
            let (start, end) = period.milliseconds();
            let listed = client.tasks(TaskQuery::new().between(start, end));
            pin_mut!(listed);
            while let Some(task) = listed.next().await {
                add(task?, period, &mut tasks);
            }
        }
        Ok(AccountTasks { tasks, read, has_new_design })
    }

    /// Returns `true` if a task of this action would be among the tasks.
    pub(super) fn covers(&self, action: &str) -> bool {
        self.read.contains(action) || (self.has_new_design && is_of_new_design(action))
    }

    /// Returns `true` if tasks of this action are in a list that needs an API key, and the client has none.
    pub(super) fn cannot_list(&self, action: &str) -> bool {
        is_of_new_design(action) && !self.has_new_design
    }
}

fn is_of_new_design(action: &str) -> bool {
    action.starts_with("standard_")
}

async fn read_list(
    client: &Client,
    action: &'static str,
    path: &'static str,
    period: Period,
    tasks: &mut BTreeMap<String, AccountTask>,
) -> Result<(), Error> {
    let (start, _) = period.milliseconds();
    for page in 1..=1000 {
        let listed: Vec<ListedTask<Made>> =
            page_of(client.connection(), action, path, page, LIST_PAGE_SIZE).await?;
        let is_full = listed.len() == usize::from(LIST_PAGE_SIZE);
        // Kling lists mostly the newest first. A single older task among newer ones does not end the list.
        let all_older = listed.iter().all(|task| task.created_at.is_some_and(|created| created < start));
        listed.into_iter().for_each(|task| add(task, period, tasks));
        if !is_full || all_older {
            break;
        }
    }
    Ok(())
}

fn add(task: ListedTask<Made>, period: Period, tasks: &mut BTreeMap<String, AccountTask>) {
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

async fn read_ledgers(
    client: &Client,
    period: Period,
    tasks: &mut BTreeMap<String, AccountTask>,
) -> Result<(), Error> {
    let mut booked: BTreeMap<String, Vec<Deduction>> = BTreeMap::new();
    let cash = client.balance_deductions(LedgerQuery::new(period));
    let credits = client.package_deductions(LedgerQuery::new(period));
    let all = cash.chain(credits);
    pin_mut!(all);
    while let Some(deduction) = all.next().await {
        let deduction = deduction?;
        if let Some(task_id) = &deduction.task_id {
            booked.entry(task_id.clone()).or_default().push(deduction);
        }
    }
    for (task_id, deductions) in booked {
        let known = tasks.entry(task_id).or_default();
        let credits = deductions.iter().filter(|deduction| deduction.currency.is_none());
        let credits: Vec<&str> = credits.filter_map(|deduction| deduction.amount.as_deref()).collect();
        known.booked = if credits.is_empty() { None } else { amount::sum(credits).map(amount::spell) };
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
