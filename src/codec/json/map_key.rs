//! `NameSerializer`: turns the key of a map into a member name.
//!
//! Promise: a key becomes the string that serde_json makes of it. A key without such a string is an error. Does not
//! know whether a name appears twice.

use std::fmt;

use serde::ser::{Error as _, Impossible, Serialize, Serializer};

use crate::codec::json::error::{ValueError, display};
use crate::codec::json::serializer_macros::{refuse, serialize_integers};
use crate::codec::json::wtf8::Text;

pub(crate) struct NameSerializer {
    steps: usize,
}

impl NameSerializer {
    /// Creates a serializer that enters at most `steps` nested newtypes.
    pub(crate) fn new(steps: usize) -> Self {
        Self { steps }
    }
}

fn no_name<T>() -> Result<T, ValueError> {
    Err(ValueError::custom("a map key that is not a string, a number, a bool or a unit variant"))
}

fn decimal(value: impl itoa::Integer) -> Result<Text, ValueError> {
    Ok(itoa::Buffer::new().format(value).into())
}

/// Not the layout of a float value: serde_json writes `0.1_f32` as `"0.1"` here, without widening it first.
fn float_name(value: impl zmij::Float, is_finite: bool) -> Result<Text, ValueError> {
    if is_finite { Ok(zmij::Buffer::new().format_finite(value).into()) } else { no_name() }
}

impl Serializer for NameSerializer {
    type Ok = Text;
    type Error = ValueError;

    type SerializeSeq = Impossible<Text, ValueError>;
    type SerializeTuple = Impossible<Text, ValueError>;
    type SerializeTupleStruct = Impossible<Text, ValueError>;
    type SerializeTupleVariant = Impossible<Text, ValueError>;
    type SerializeMap = Impossible<Text, ValueError>;
    type SerializeStruct = Impossible<Text, ValueError>;
    type SerializeStructVariant = Impossible<Text, ValueError>;

    serialize_integers!(decimal);

    fn serialize_str(self, value: &str) -> Result<Text, ValueError> {
        Ok(value.into())
    }

    fn serialize_char(self, value: char) -> Result<Text, ValueError> {
        Ok(value.to_string().into())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<Text, ValueError> {
        display(value)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Text, ValueError> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Text, ValueError> {
        // Serde recurses for each newtype: without the limit a type that contains itself would overflow the stack.
        match self.steps.checked_sub(1) {
            Some(steps) => value.serialize(Self { steps }),
            None => Err(ValueError::custom("nested too deep")),
        }
    }

    fn serialize_bool(self, value: bool) -> Result<Text, ValueError> {
        Ok(if value { "true" } else { "false" }.into())
    }

    fn serialize_f32(self, value: f32) -> Result<Text, ValueError> {
        float_name(value, value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Result<Text, ValueError> {
        float_name(value, value.is_finite())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Text, ValueError> {
        no_name()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Text, ValueError> {
        no_name()
    }

    refuse! { no_name:
        serialize_bytes(&[u8]) -> Text;
        serialize_none() -> Text;
        serialize_unit() -> Text;
        serialize_unit_struct(&'static str) -> Text;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(serde::Serialize)]
    enum Key {
        Unit,
        Newtype(u8),
    }

    #[derive(serde::Serialize)]
    struct Wrapped<T>(T);

    #[derive(serde::Serialize)]
    struct Nothing;

    /// A map of one member, whose key needs no order.
    struct One<K>(K);

    impl<K: Serialize> Serialize for One<K> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(&self.0, ())])
        }
    }

    fn same_as_serde_json(key: impl Serialize) {
        let ours = key.serialize(NameSerializer::new(8)).map_err(|error| error.to_string());
        let theirs = serde_json::to_value(One(&key))
            .ok()
            .and_then(|value| value.as_object().and_then(|object| object.keys().next().cloned()));

        assert_eq!(ours.clone().ok().map(|name| name.to_string_lossy()), theirs, "{ours:?}");
    }

    #[test]
    fn map_keys_are_those_of_serde_json() {
        same_as_serde_json("text");
        same_as_serde_json('é');
        same_as_serde_json(true);
        same_as_serde_json(false);
        same_as_serde_json(i8::MIN);
        same_as_serde_json(i16::MIN);
        same_as_serde_json(i32::MIN);
        same_as_serde_json(i64::MIN);
        same_as_serde_json(i128::MIN);
        same_as_serde_json(u8::MAX);
        same_as_serde_json(u16::MAX);
        same_as_serde_json(u32::MAX);
        same_as_serde_json(u64::MAX);
        same_as_serde_json(u128::MAX);
        same_as_serde_json(0.1_f32);
        same_as_serde_json(1e16_f64);
        same_as_serde_json(-0.0_f64);
        same_as_serde_json(Key::Unit);
        same_as_serde_json(Wrapped(Wrapped(7)));
        same_as_serde_json(std::net::Ipv4Addr::LOCALHOST);
    }

    #[test]
    fn map_key_without_a_string_is_refused() {
        same_as_serde_json(());
        same_as_serde_json(Some("text"));
        same_as_serde_json(None::<u8>);
        same_as_serde_json(Key::Newtype(1));
        same_as_serde_json(Nothing);
        same_as_serde_json((1, 2));
        same_as_serde_json([1_u8; 3]);
        same_as_serde_json(Vec::<u8>::new());
        same_as_serde_json(BTreeMap::<u8, u8>::new());
        same_as_serde_json(f32::NAN);
        same_as_serde_json(f64::INFINITY);
    }

    #[test]
    fn endless_map_key_is_refused() {
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct("Endless", &Endless)
            }
        }

        assert!(Endless.serialize(NameSerializer::new(100)).is_err());
    }
}
