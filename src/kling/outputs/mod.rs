//! Results of tasks and of immediate calls, each read from every shape that Kling uses for it.

pub(crate) mod audio;
pub(crate) mod charge;
pub(crate) mod deleted;
pub(crate) mod element;
pub(crate) mod faces;
pub(crate) mod image;
pub(crate) mod image_set;
pub(crate) mod made;
pub(crate) mod output;
pub(crate) mod resource;
pub(crate) mod segments;
pub(crate) mod selection;
pub(crate) mod soundtrack;
pub(crate) mod task_data;
pub(crate) mod video;
pub(crate) mod voice;

pub use self::{
    audio::{Audio, Audios},
    deleted::Deleted,
    element::{Element, Elements},
    faces::{Face, Faces},
    image::{Image, Images},
    image_set::ImageSet,
    made::Made,
    output::Output,
    segments::{Segment, Segments},
    selection::{Preview, Selection, Session},
    soundtrack::Soundtrack,
    video::{Video, Videos},
    voice::{Voice, Voices},
};
