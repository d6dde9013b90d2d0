//! Rules for fields of requests. An error names the field and never repeats its value.
//!
//! A rule for a single field takes the value and the name of the field, so that
//! [`endpoint!`](crate::kling::requests::endpoint::endpoint) can apply it. Rules with limits are returned by functions
//! that take the limits.

use std::ops::RangeInclusive;

use crate::kling::{api::urls::host, error::RequestError};

/// Longest prompt and negative prompt of most endpoints, in characters.
pub(crate) const MAX_PROMPT_CHARS: usize = 2500;
/// Most images that one request may ask for.
const MAX_IMAGES: u32 = 9;

/// Returns an error about `field` unless `holds`.
pub(crate) fn require(holds: bool, field: &'static str, rule: &'static str) -> Result<(), RequestError> {
    if holds { Ok(()) } else { Err(RequestError::new(field, rule)) }
}

/// Accepts any value.
#[expect(clippy::unnecessary_wraps, reason = "a rule like the others")]
pub(crate) fn any<T>(_value: &T, _field: &'static str) -> Result<(), RequestError> {
    Ok(())
}

/// Accepts a text that is not blank.
pub(crate) fn word(value: &impl AsRef<str>, field: &'static str) -> Result<(), RequestError> {
    require(!value.as_ref().trim().is_empty(), field, "must not be blank")
}

/// Accepts only texts that are not blank, of fields that may be absent.
pub(crate) fn words<'a>(
    words: impl IntoIterator<Item = (&'static str, Option<&'a str>)>,
) -> Result<(), RequestError> {
    words.into_iter().try_for_each(|(field, value)| value.map_or(Ok(()), |value| word(&value, field)))
}

/// Accepts a text that is not blank and has at most `limit` characters.
pub(crate) fn text(limit: usize) -> impl Fn(&String, &'static str) -> Result<(), RequestError> {
    move |value, field| {
        require(!value.trim().is_empty(), field, "must not be empty")?;
        at_most(limit)(value, field)
    }
}

/// Accepts a text of at most `limit` characters.
pub(crate) fn at_most(limit: usize) -> impl Fn(&String, &'static str) -> Result<(), RequestError> {
    move |value, field| match value.chars().nth(limit) {
        Some(_) => Err(RequestError::of(field, format!("must have at most {limit} characters"))),
        None => Ok(()),
    }
}

/// Accepts a number in `range`.
pub(crate) fn between(range: RangeInclusive<f64>) -> impl Fn(&f64, &'static str) -> Result<(), RequestError> {
    // `contains` is false for NaN. A comparison with each bound, negated, would accept it.
    move |value, field| match range.contains(value) {
        true => Ok(()),
        false => {
            Err(RequestError::of(field, format!("must be between {} and {}", range.start(), range.end())))
        }
    }
}

/// Accepts a number of images that one request may ask for.
pub(crate) fn image_count(value: &u32, field: &'static str) -> Result<(), RequestError> {
    require((1..=MAX_IMAGES).contains(value), field, "must be between 1 and 9")
}

/// Accepts an `http` or `https` URL.
#[allow(clippy::ptr_arg, reason = "a rule takes a reference to the type of its field")]
pub(crate) fn url(value: &String, field: &'static str) -> Result<(), RequestError> {
    require(host(value).is_some(), field, "must be an http or https URL")
}

/// Accepts a list of a length in `range`, whose items satisfy `rule` under the name `item_field`.
pub(crate) fn each<T>(
    range: RangeInclusive<usize>,
    rule: impl Fn(&T, &'static str) -> Result<(), RequestError>,
    item_field: &'static str,
) -> impl Fn(&Vec<T>, &'static str) -> Result<(), RequestError> {
    move |values, field| {
        count(field, values.len(), range.clone())?;
        values.iter().try_for_each(|value| rule(value, item_field))
    }
}

/// Accepts a list whose items satisfy `rule` under the name `item_field`.
pub(crate) fn all<T>(
    rule: impl Fn(&T, &'static str) -> Result<(), RequestError>,
    item_field: &'static str,
) -> impl Fn(&Vec<T>, &'static str) -> Result<(), RequestError> {
    each(0..=usize::MAX, rule, item_field)
}

/// Returns an error about `field` unless `count` is in `range`.
pub(crate) fn count(
    field: &'static str,
    count: usize,
    range: RangeInclusive<usize>,
) -> Result<(), RequestError> {
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

/// Returns an error unless exactly one of two fields is set.
pub(crate) fn one_of(one: (&'static str, bool), other: (&'static str, bool)) -> Result<(), RequestError> {
    match (one.1, other.1) {
        (false, false) => Err(RequestError::of(one.0, format!("or {} must be set", other.0))),
        _ => exclusive(one, other),
    }
}

/// Returns an error if both of two fields are set.
pub(crate) fn exclusive(one: (&'static str, bool), other: (&'static str, bool)) -> Result<(), RequestError> {
    match one.1 && other.1 {
        true => Err(RequestError::of(other.0, format!("must not be set together with {}", one.0))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_field_and_the_rule() {
        for (checked, said) in [
            (at_most(1)(&"éé".to_owned(), "prompt"), "prompt must have at most 1 characters"),
            (text(9)(&" ".to_owned(), "text"), "text must not be empty"),
            (between(0.0..=1.0)(&f64::NAN, "cfg_scale"), "cfg_scale must be between 0 and 1"),
            (count("image_list", 5, 1..=4), "image_list must have 1 to 4"),
            (count("images", 1, 2..=2), "images must have exactly 2"),
            (count("voice_list", 3, 0..=2), "voice_list must have at most 2"),
            (one_of(("video_id", false), ("video_url", false)), "video_id or video_url must be set"),
            (one_of(("a", true), ("b", true)), "b must not be set together with a"),
            (exclusive(("a", true), ("b", true)), "b must not be set together with a"),
            (url(&"file:///etc/passwd".to_owned(), "video_url"), "video_url must be an http or https URL"),
            (words([("mode", Some(" "))]), "mode must not be blank"),
        ] {
            assert_eq!(checked.map_err(|error| error.to_string()), Err(said.to_owned()));
        }
    }

    #[test]
    fn values_at_the_limits_are_accepted() {
        for checked in [
            at_most(2)(&"éé".to_owned(), "prompt"),
            between(0.0..=1.0)(&1.0, "cfg_scale"),
            count("image_list", 4, 1..=4),
            one_of(("a", true), ("b", false)),
            exclusive(("a", false), ("b", false)),
            url(&"https://a/v.mp4".to_owned(), "video_url"),
            words([("mode", None)]),
        ] {
            assert_eq!(checked, Ok(()));
        }
    }
}
