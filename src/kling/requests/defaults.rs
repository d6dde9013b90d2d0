//! Values that Kling uses for fields that a request leaves out.

use crate::kling::requests::vocabulary::Model;

/// Kling's defaults for one request, where Kling documents them. Public in a private module.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    pub(crate) model: Option<String>,
    pub(crate) duration: Option<String>,
    pub(crate) mode: Option<String>,
}

impl Defaults {
    /// Defaults of a video from a text or an image with this model.
    pub(crate) fn of_video(model: Option<&Model>) -> Defaults {
        let model = model.unwrap_or(&Model::V1);
        Defaults { mode: model.default_mode().map(|mode| mode.to_string()), ..Defaults::default() }
            .model(model)
            .duration("5")
    }

    pub(crate) fn model(self, model: impl ToString) -> Defaults {
        Defaults { model: Some(model.to_string()), ..self }
    }

    pub(crate) fn duration(self, duration: &str) -> Defaults {
        Defaults { duration: Some(duration.to_owned()), ..self }
    }

    pub(crate) fn mode(self, mode: impl ToString) -> Defaults {
        Defaults { mode: Some(mode.to_string()), ..self }
    }
}
