//! The rules that requests have in common: lengths, ranges, counts and exclusive fields. Its promise: an error names the
//! field and repeats nothing of what the request holds. It does not know which request has which rule.

use std::ops::RangeInclusive;

use crate::kling::request::RequestError;

type Checked = Result<(), RequestError>;

/// `rule` is broken unless `holds`.
pub(crate) fn require(holds: bool, field: &'static str, rule: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(RequestError::new(field, rule)) }
}

/// A word that was set must not be blank.
pub(crate) fn words<'a>(words: impl IntoIterator<Item = (&'static str, Option<&'a str>)>) -> Checked {
    words.into_iter().try_for_each(|(field, word)| {
        require(word.is_none_or(|word| !word.trim().is_empty()), field, "must not be blank")
    })
}

/// A text that has to be there, with so many characters at most.
pub(crate) fn text(field: &'static str, text: &str, limit: usize) -> Checked {
    require(!text.trim().is_empty(), field, "must not be empty")?;
    at_most(field, Some(text), limit)
}

/// A text of so many characters at most.
pub(crate) fn at_most(field: &'static str, text: Option<&str>, limit: usize) -> Checked {
    match text {
        Some(text) if text.chars().nth(limit).is_some() => {
            Err(RequestError::of(field, format!("must have at most {limit} characters")))
        }
        _ => Ok(()),
    }
}

/// A number between two others, which are within.
pub(crate) fn within(field: &'static str, value: Option<f64>, range: RangeInclusive<f64>) -> Checked {
    match value {
        // Not written as a comparison that is false: NaN must not pass.
        Some(value) if !range.contains(&value) => {
            Err(RequestError::of(field, format!("must be between {} and {}", range.start(), range.end())))
        }
        _ => Ok(()),
    }
}

/// So many of something.
pub(crate) fn count(field: &'static str, count: usize, range: RangeInclusive<usize>) -> Checked {
    if range.contains(&count) {
        return Ok(());
    }
    let rule = match (range.start(), range.end()) {
        (0, end) => format!("must have at most {end}"),
        (start, end) if start == end => format!("must have exactly {start}"),
        (start, end) => format!("must have {start} to {end}"),
    };
    Err(RequestError::of(field, rule))
}

/// Exactly one of two.
pub(crate) fn one_of(one: (&'static str, bool), other: (&'static str, bool)) -> Checked {
    match (one.1, other.1) {
        (true, true) => Err(RequestError::of(other.0, format!("must not be set together with {}", one.0))),
        (false, false) => Err(RequestError::of(one.0, format!("or {} must be set", other.0))),
        _ => Ok(()),
    }
}

/// Not both of two.
pub(crate) fn exclusive(one: (&'static str, bool), other: (&'static str, bool)) -> Checked {
    match one.1 && other.1 {
        true => Err(RequestError::of(other.0, format!("must not be set together with {}", one.0))),
        false => Ok(()),
    }
}

/// An `http` or `https` URL, where it is set.
pub(crate) fn url(field: &'static str, url: Option<&str>) -> Checked {
    require(url.is_none_or(|url| host(url).is_some()), field, "must be an http or https URL")
}

/// The host of an `http` or `https` URL.
pub(crate) fn host(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_its_field_and_says_what_would_hold() {
        for (checked, said) in [
            (at_most("prompt", Some("éé"), 1), "prompt must have at most 1 characters"),
            (text("text", " ", 9), "text must not be empty"),
            (within("cfg_scale", Some(f64::NAN), 0.0..=1.0), "cfg_scale must be between 0 and 1"),
            (count("image_list", 5, 1..=4), "image_list must have 1 to 4"),
            (count("images", 1, 2..=2), "images must have exactly 2"),
            (count("voice_list", 3, 0..=2), "voice_list must have at most 2"),
            (one_of(("video_id", false), ("video_url", false)), "video_id or video_url must be set"),
            (one_of(("a", true), ("b", true)), "b must not be set together with a"),
            (exclusive(("a", true), ("b", true)), "b must not be set together with a"),
            (url("video_url", Some("file:///etc/passwd")), "video_url must be an http or https URL"),
            (words([("mode", Some(" "))]), "mode must not be blank"),
        ] {
            assert_eq!(checked.map_err(|error| error.to_string()), Err(said.to_owned()));
        }
    }

    #[test]
    fn what_is_just_within_holds() {
        for checked in [
            at_most("prompt", Some("éé"), 2),
            at_most("prompt", None, 0),
            within("cfg_scale", Some(1.0), 0.0..=1.0),
            count("image_list", 4, 1..=4),
            one_of(("a", true), ("b", false)),
            exclusive(("a", false), ("b", false)),
            url("video_url", None),
            words([("mode", None)]),
        ] {
            assert_eq!(checked, Ok(()));
        }
    }
}
